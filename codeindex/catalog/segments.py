"""The tables of the word index: segments, each written once, and what was removed from them.

Every row has a checksum over all of it and its place, and the one row of ``word_state`` says
which rows there are to be: what is read is what was written, or the index is damaged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.catalog.blobs import blob_checksum, read_checked, sound
from codeindex.catalog.checksums import check, row_checksum
from codeindex.lexical.documents import Documents, decode_documents, encode_documents
from codeindex.lexical.facets import Facets, decode_facets, encode_facets
from codeindex.lexical.postings import Postings, decode_postings, encode_postings

Removed = npt.NDArray[np.int64]
"""(n,) positions of removed documents in their segment, ascending."""

_BLOCKS = 1 << 32  # room for numbers of blocks below that of the segment
_TABLES = ("word_segments", "word_blocks", "word_facets", "word_removed", "word_state")


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment as the state names it.

    Attributes:
        id: never used again.
        documents: how many it has, removed ones among them.
        removed: how many of these were removed.
        blocks: how many blocks its postings have.
    """

    id: int
    documents: int
    removed: int
    blocks: int


def read_state(connection: sqlite3.Connection) -> tuple[SegmentRow, ...]:
    """The segments that there are, by the ids of their documents.

    Raises:
        sqlite3.DatabaseError: the row is not what was written.
    """
    row = connection.execute("SELECT segments, checksum FROM word_state").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("its table 'word_state' has lost a row")
    check("word_state", row[1], row_checksum(row[0]))
    return tuple(SegmentRow(*values) for values in json.loads(row[0]))


def write_state(connection: sqlite3.Connection, segments: Iterable[SegmentRow]) -> None:
    """Makes these the segments that there are."""
    values = [[row.id, row.documents, row.removed, row.blocks] for row in segments]
    text = json.dumps(values)
    connection.execute(
        "INSERT OR REPLACE INTO word_state (id, segments, checksum) VALUES (1, ?, ?)",
        (text, row_checksum(text)),
    )


def write_segment(
    connection: sqlite3.Connection,
    documents: Documents,
    facets: Facets,
    parts: Iterable[Postings],
) -> SegmentRow:
    """Stores a segment; `parts` are its postings, a range of words after the other."""
    ids, lengths = encode_documents(documents)
    cursor = connection.execute(
        "INSERT INTO word_segments (ids, lengths, firsts, checksum) VALUES (?, ?, '', 0)",
        (ids, lengths),
    )
    id = int(cursor.lastrowid or 0)
    firsts: list[str] = []
    for part in parts:
        blocks = list(part.blocks())
        rows = [
            (id * _BLOCKS + number, data, blob_checksum(id * _BLOCKS + number, data))
            for number, data in enumerate(map(encode_postings, blocks), len(firsts))
        ]
        connection.executemany(
            "INSERT INTO word_blocks (id, postings, checksum) VALUES (?, ?, ?)", rows
        )
        firsts += [block.words[0] for block in blocks]
    text = "\n".join(firsts)
    connection.execute(
        "UPDATE word_segments SET firsts = ?, checksum = ? WHERE id = ?",
        (text, blob_checksum(id, ids, lengths, text.encode()), id),
    )
    names, codes = encode_facets(facets)
    connection.execute(
        "INSERT INTO word_facets (segment, names, codes, checksum) VALUES (?, ?, ?, ?)",
        (id, names, codes, blob_checksum(id, names.encode(), codes)),
    )
    return SegmentRow(id, len(documents), 0, len(firsts))


def write_removed(connection: sqlite3.Connection, segment: int, removed: Removed) -> None:
    """Makes these the removed documents of a segment."""
    data = removed.astype("<u4").tobytes()
    connection.execute(
        "INSERT OR REPLACE INTO word_removed (segment, documents, checksum) VALUES (?, ?, ?)",
        (segment, data, blob_checksum(segment, data)),
    )


def drop_segments(connection: sqlite3.Connection, segments: Iterable[SegmentRow]) -> None:
    """Deletes segments."""
    for row in segments:
        first = row.id * _BLOCKS
        between = (first, first + _BLOCKS)
        connection.execute("DELETE FROM word_blocks WHERE id >= ? AND id < ?", between)
        connection.execute("DELETE FROM word_facets WHERE segment = ?", (row.id,))
        connection.execute("DELETE FROM word_removed WHERE segment = ?", (row.id,))
        connection.execute("DELETE FROM word_segments WHERE id = ?", (row.id,))


def clear_segments(connection: sqlite3.Connection) -> None:
    """Empties the tables."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table}")


def read_documents(
    connection: sqlite3.Connection, row: SegmentRow
) -> tuple[Documents, Sequence[str]]:
    """The documents of a segment, and the first word of each of its blocks.

    Raises:
        sqlite3.DatabaseError: the row is not what was written.
    """
    ids, lengths, firsts = read_checked(
        connection, "SELECT ids, lengths, firsts, checksum FROM word_segments WHERE id = ?", row.id
    )
    with sound("word_segments"):
        documents = decode_documents(ids, lengths)
        words = firsts.decode().split("\n") if firsts else []
        if len(documents) != row.documents or len(words) != row.blocks:
            raise ValueError("a segment is not the one of the state")
    return documents, words


def read_removed(connection: sqlite3.Connection, row: SegmentRow) -> Removed:
    """The removed documents of a segment.

    Raises:
        sqlite3.DatabaseError: the row is not what was written.
    """
    if not row.removed:
        return np.zeros(0, dtype=np.int64)
    (data,) = read_checked(
        connection, "SELECT documents, checksum FROM word_removed WHERE segment = ?", row.id
    )
    with sound("word_removed"):
        removed = np.frombuffer(data, "<u4").astype(np.int64)
        if len(removed) != row.removed or removed[-1] >= row.documents:
            raise ValueError("the removed documents are not those of the state")
    return removed


def read_facets(connection: sqlite3.Connection, row: SegmentRow) -> Facets:
    """The facets of a segment.

    Raises:
        sqlite3.DatabaseError: the row is not what was written.
    """
    names, codes = read_checked(
        connection, "SELECT names, codes, checksum FROM word_facets WHERE segment = ?", row.id
    )
    with sound("word_facets"):
        facets = decode_facets(names.decode(), codes)
        if len(facets.codes) != row.documents:
            raise ValueError("the facets are not those of the segment")
    return facets


def read_block(connection: sqlite3.Connection, row: SegmentRow, number: int) -> Postings:
    """A block of a segment's postings.

    Raises:
        sqlite3.DatabaseError: the row is not what was written.
    """
    (data,) = read_checked(
        connection,
        "SELECT postings, checksum FROM word_blocks WHERE id = ?",
        row.id * _BLOCKS + number,
    )
    with sound("word_blocks"):
        return decode_postings(data)


def read_blocks(connection: sqlite3.Connection, row: SegmentRow) -> Iterator[Postings]:
    """All postings of a segment, in the order of their words."""
    for number in range(row.blocks):
        yield read_block(connection, row, number)


def strays(connection: sqlite3.Connection, segments: Sequence[SegmentRow]) -> int:
    """How many rows belong to no segment of the state."""
    known = json.dumps([row.id for row in segments])
    with_removed = json.dumps([row.id for row in segments if row.removed])
    found = 0
    for table, segment, ids in (
        ("word_segments", "id", known),
        ("word_facets", "segment", known),
        ("word_removed", "segment", with_removed),
        ("word_blocks", f"id / {_BLOCKS}", known),
    ):
        found += connection.execute(
            f"SELECT count(*) FROM {table} WHERE {segment} NOT IN (SELECT value FROM json_each(?))",
            (ids,),
        ).fetchone()[0]
    return found
