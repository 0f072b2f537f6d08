"""Snippet and SourceFile: what is extracted, where from, and its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One source to extract snippets from.

    Attributes:
        path: where it stands, relative to the indexed root, with forward slashes.
        language: lower-case name of its language, for example ``python``.
        text: its text, decoded, with its line ends as ``\\n``. Empty for an extractor
            that declares ``streams=True`` and reads ``location`` itself.
        location: the file on disk, where there is one.
        extra: facts that every snippet taken from it inherits (a paper's title, say).
    """

    path: str
    language: str
    text: str
    location: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of code that can be found.

    Attributes:
        path: of its source, relative to the indexed root, with forward slashes.
        language: lower-case name of its language.
        kind: ``function``, ``method``, ``class``, ``module``, or what a plugin names.
        name: qualified name inside the source, for example ``Class.method``.
        start_line: first line, 1-based.
        end_line: last line, inclusive. Lines ``start_line..end_line`` of the source are ``code``.
        code: the source text of those lines.
        docstring: its documentation, apart from the code, without quotes and indentation.
        extra: further facts, JSON-serialisable.
    """

    path: str
    language: str
    kind: str
    name: str
    start_line: int
    end_line: int
    code: str
    docstring: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def snippet_key(snippet: Snippet, ordinal: int) -> bytes:
    """Identity of a snippet: 16 bytes, a digest of path, qualified name, ordinal and code.

    Line numbers are not part of it, so code that only moves in its file keeps its key.

    Args:
        snippet: the snippet.
        ordinal: how many snippets of the same source with the same name and code came before it.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in (snippet.path, snippet.kind, snippet.name, str(ordinal), snippet.code):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()
