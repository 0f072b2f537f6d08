"""Texts that are longer than an encoder reads: in parts that overlap, and found as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeindex import Index
from codeindex.interfaces import EncoderInfo
from codeindex.recipes import SOURCE_TEXTS
from codeindex.windows import encode_whole, windows

LINES = st.lists(st.text("ab c", max_size=30), min_size=1, max_size=40)


class Cut:
    """Reads 16 tokens of 2.75 characters, and counts letters; remembers what it was given."""

    info = EncoderInfo("cut", "cut/1", 26, 16)

    def __init__(self):
        self.given = []

    def encode_corpus(self, texts):
        self.given += texts
        rows = [[text[:44].count(chr(97 + at)) for at in range(26)] for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(-1, 26)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    encode_queries = encode_corpus


@example(["", "", "aaaaaa"], 10, 0)
@given(LINES, st.integers(1, 120), st.integers(0, 3))
def test_parts_are_runs_of_lines_that_meet(texts, size, head):
    lines = [f"{number}:{text}" for number, text in enumerate(texts)]
    room = max(size - sum(len(line) + 1 for line in lines[:head]), size // 2, 1)
    pieces = [
        line[start : start + room] for line in lines[head:] for start in range(0, len(line), room)
    ]
    reached = 0
    for part in windows("\n".join(lines), size, head):
        assert part.split("\n")[:head] == lines[:head]
        body = part.split("\n")[len(lines[:head]) :]
        # Further on than the part before, and nothing left out between them.
        ends = [
            end
            for end in range(reached + bool(pieces), len(pieces) + 1)
            if pieces[end - len(body) : end] == body and end - len(body) <= reached
        ]
        assert ends
        reached = ends[0]
    assert reached == len(pieces)


@given(LINES, st.integers(1, 80))
def test_a_part_is_no_longer_than_asked_for(lines, size):
    assert all(len(part) <= size for part in windows("\n".join(lines), size, 0))


def test_parts_overlap_by_whole_lines():
    text = "\n".join(f"line {number:02}" for number in range(20))
    first, second, third = [part.split("\n") for part in windows(text, 80, 0)]
    assert first[-2:] == second[:2] == ["line 08", "line 09"]
    assert second[-2:] == third[:2]
    assert third[-1] == "line 19"


def test_a_text_that_fits_is_left_alone():
    encoder, text = Cut(), "x" * 44
    assert encode_whole(encoder, [text], 2).shape == (1, 26)
    assert encoder.given == [text]


def test_the_end_of_a_long_text_counts():
    encoder = Cut()
    long = "\n".join(["path", "name", "aaaa aaaa aaaa", "bbbb bbbb bbbb", "zzzz zzzz zzzz"])
    short = "path\nname\nzzzz"
    vectors = encode_whole(encoder, [short, long, short], 2)
    assert len(encoder.given) > 3
    assert all(text.startswith("path\nname\n") for text in encoder.given)
    assert vectors.shape == (3, 26)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    cut = encoder.encode_corpus([long])[0] @ encoder.encode_corpus(["zzzz"])[0]
    assert vectors[1] @ encoder.encode_corpus(["zzzz"])[0] > 2 * cut
    assert vectors[0].tolist() == vectors[2].tolist()


def test_a_text_that_means_nothing_stays_zero():
    assert not encode_whole(Cut(), ["1" * 200], 0).any()


@pytest.mark.parametrize("texts", [[], [""]])
def test_little(texts):
    assert encode_whole(Cut(), texts, 2).shape == (len(texts), 26)


def test_the_end_of_a_long_function_is_found(tmp_path):
    """With the shipped encoder, which reads 512 tokens."""
    filler = "".join(
        f"    total = total + weight_{number % 7} * {number}\n" for number in range(150)
    )
    end = "    return compress_with_huffman_tree(total)\n"
    (tmp_path / "work.py").write_text(f"def work(total):\n{filler}{end}")
    (tmp_path / "other.py").write_text(f"def other(total):\n{filler}    return total\n")
    with Index.open(tmp_path, create=True) as index:
        index.update()
        assert len(list(index.snippets())) == 2
        best = index.search("compress with a huffman tree", 2, mode="dense")
        assert [result.snippet.name for result in best] == ["work", "other"]
        assert best[0].cosine > best[1].cosine + 0.01
        text = SOURCE_TEXTS.of(best[0].snippet)
        assert text.endswith(end.strip())
