"""Lines from a pipe: all of them, once, in order, and at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codeindex.query_lines import query_batches
from codeindex.searching import MAX_QUERY_CHARS


def read(data: bytes, folder: Path, sizes=()):
    """The batches of a file; of a pipe that is written in pieces of these sizes, if any."""
    if not sizes:
        (folder / "in").write_bytes(data)
        with (folder / "in").open("rb") as file:
            return list(query_batches(file.fileno()))
    out, into = os.pipe()

    def write():
        rest, number = data, 0
        with os.fdopen(into, "wb", buffering=0) as file:
            while rest:
                size = sizes[number % len(sizes)]
                file.write(rest[:size])
                rest, number = rest[size:], number + 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return list(query_batches(out))
    finally:
        writer.join()
        os.close(out)


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\ufeff"), max_size=12), max_size=30),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.booleans(),
)
def test_every_line_comes_once_and_in_order(tmp_path_factory, lines, sizes, ended):
    lines = [line.encode("utf-8", "replace").decode() for line in lines]
    data = ("\n".join(lines) + ("\n" if ended else "")).encode()
    expected = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    for batches in (read(data, tmp_path_factory.getbasetemp()), read(data, Path(), sizes)):
        assert [(each.number, each.text) for batch in batches for each in batch] == expected
        assert all(0 < len(batch) <= 64 for batch in batches)


def test_a_file_comes_in_full_batches(tmp_path):
    batches = read(b"".join(b"query %d\n" % number for number in range(150)), tmp_path)
    assert [len(batch) for batch in batches] == [64, 64, 22]


def test_a_line_is_given_before_the_next_is_there():
    out, into = os.pipe()
    batches = query_batches(out)
    for text in ("first", "second"):
        os.write(into, f"{text}\nthe beginning of".encode())
        (line,) = next(batches)
        assert text in line.text
    os.close(into)
    (line,) = next(batches)
    assert line.text == "the beginning of"
    assert next(batches, None) is None
    os.close(out)


def test_too_long_lines_are_told_and_the_others_read(tmp_path):
    long = b"x" * (MAX_QUERY_CHARS + 1)
    endless = b"y" * 1_000_000
    data = b"\n".join([long, b"good", endless, b"\xff\xfe", b"  ", b"last"])
    batch = [line for lines in read(data, tmp_path) for line in lines]
    assert [(line.number, bool(line.problem)) for line in batch] == [
        (1, True),
        (2, False),
        (3, True),
        (4, False),
        (6, False),
    ]
    assert "20,000" in batch[0].problem
    assert "20,000" in batch[2].problem
    assert len(batch[2].text) < 200_000


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_query(tmp_path):
    (batch,) = read(b"\xef\xbb\xbfone\r\ntwo\r\n", tmp_path)
    assert [line.text for line in batch] == ["one", "two"]
