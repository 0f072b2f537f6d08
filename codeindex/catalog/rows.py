"""What goes into the catalog and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from codeindex.snippet import Snippet


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


@dataclass(frozen=True, slots=True)
class SnippetWords:
    """The searchable words of a snippet, by field."""

    name: str
    path: str
    docstring: str
    code: str


@dataclass(frozen=True, slots=True)
class IncomingSnippet:
    """A snippet on its way into the catalog.

    Attributes:
        key: see `codeindex.snippet.snippet_key`.
        text: what is given to the encoder.
        text_digest: 16 bytes of BLAKE2b of `text`.
    """

    key: bytes
    snippet: Snippet
    text: str
    text_digest: bytes
    words: SnippetWords


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A change that the backend has not applied yet."""

    seq: int
    operation: str
    snippet: int
