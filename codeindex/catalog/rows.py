"""What goes into the catalog and comes out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from codeindex.catalog.checksums import check, row_checksum
from codeindex.snippet import Snippet

SNIPPET_COLUMNS = "path, language, kind, name, start_line, end_line, code, docstring, extra"

SnippetValues = tuple[str, str, str, str, int, int, str, str, str]
"""Values of `SNIPPET_COLUMNS`; ``extra`` as JSON."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as the catalog knows it.

    Attributes:
        id: its row; 0 before it is stored.
        digest: of its bytes; empty if they could not be read.
        skipped: why nothing was taken from it, or None.
    """

    id: int
    path: str
    language: str
    extractor: str
    size: int
    mtime_ns: int
    ctime_ns: int
    digest: bytes
    skipped: str | None


class IncomingSnippet(NamedTuple):
    """A snippet on its way into the catalog, as plain values: it crosses from the process
    that extracted it, and tens of thousands do.

    Attributes:
        key: see `codeindex.snippet.snippet_key`.
        values: the snippet's columns, see `snippet_values`.
        text: what is given to the encoder.
        text_digest: 16 bytes of BLAKE2b of `text`.
    """

    key: bytes
    values: SnippetValues
    text: str
    text_digest: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A change that the backend has not applied yet."""

    seq: int
    operation: str
    snippet: int


def snippet_values(snippet: Snippet) -> SnippetValues:
    """A snippet as the catalog stores it."""
    extra = snippet.extra
    return (
        snippet.path,
        snippet.language,
        snippet.kind,
        snippet.name,
        snippet.start_line,
        snippet.end_line,
        snippet.code,
        snippet.docstring,
        _EXTRA.encode(dict(extra)) if extra else "{}",
    )


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"extra holds a {type(value).__name__}, which is no JSON value")


_EXTRA = json.JSONEncoder(sort_keys=True, default=_as_dict)


CHECKED_COLUMNS = f"checksum, key, text_digest, {SNIPPET_COLUMNS}"


def snippet_checksum(id: int, key: Any, text_digest: Any, values: Sequence[Any]) -> int:
    """The checksum of a row of the snippets table."""
    return row_checksum(id, key, text_digest, *values)


def checked_snippet(id: int, row: Sequence[Any]) -> Snippet:
    """The snippet of `CHECKED_COLUMNS`.

    Raises:
        sqlite3.DatabaseError: the row is not what was written.
    """
    checksum, key, text_digest, *values = row
    check("snippets", checksum, snippet_checksum(id, key, text_digest, values))
    return snippet_of(values)


def snippet_of(values: Sequence[Any]) -> Snippet:
    """The snippet of `SnippetValues`."""
    path, language, kind, name, start, end, code, docstring, extra = values
    parsed = json.loads(extra) if extra != "{}" else {}
    return Snippet(path, language, kind, name, start, end, code, docstring, parsed)
