"""QueryLines: queries from a stream, one a line, as many at a time as are there already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from codeindex.errors import UsageError
from codeindex.searching import MAX_QUERY_CHARS, checked_query

_PIECE = 65_536  # bytes: what a pipe holds
_LONGEST = 4 * MAX_QUERY_CHARS  # bytes of a line that are kept; UTF-8 has at most 4 a letter
_BATCH = 64  # queries: an answer to the first should not wait for thousands


@dataclass(frozen=True, slots=True)
class QueryLine:
    """A line that is not blank.

    Attributes:
        number: from 1, blank ones counted.
        text: without its end; of a line that is far too long, its beginning.
        problem: why it cannot be searched for; empty if it can.
    """

    number: int
    text: str
    problem: str = ""


def query_batches(descriptor: int) -> Iterator[list[QueryLine]]:
    """The lines of a file, a pipe or a terminal, in order, in batches of at most 64.

    Waits for a line when there is none, and never for a second: who types one is answered at
    once, and a file comes in full batches. Memory stays flat however long a line is.
    """
    number, kept, dropped = 0, b"", False
    while piece := os.read(descriptor, _PIECE):
        *ended, rest = piece.split(b"\n")
        lines = []
        for end in ended:
            number += 1
            lines.append(_line(number, kept + end, dropped))
            kept, dropped = b"", False
        kept += rest
        if len(kept) > _LONGEST:
            kept, dropped = kept[:_LONGEST], True
        yield from _batches(lines)
    if kept:
        yield from _batches([_line(number + 1, kept, dropped)])


def _batches(lines: list[QueryLine | None]) -> Iterator[list[QueryLine]]:
    present = [line for line in lines if line is not None]
    for start in range(0, len(present), _BATCH):
        yield present[start : start + _BATCH]


def _line(number: int, data: bytes, dropped: bool) -> QueryLine | None:
    """None if it is blank."""
    text = data.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode("utf-8", "replace")
    text = text.strip()
    if dropped:
        limit = f"the line has more than {MAX_QUERY_CHARS:,} characters; no more are read"
        return QueryLine(number, text, limit)
    if not text:
        return None
    try:
        return QueryLine(number, checked_query(text))
    except UsageError as error:
        return QueryLine(number, text, str(error))
