"""Place: where a snippet stands and what it is called, read once for all queries."""

from __future__ import annotations

from dataclasses import dataclass

from codeindex.ranking.paths import PathKind, dotted, path_kinds
from codeindex.words import query_words, split_identifier


@dataclass(frozen=True, slots=True)
class Place:
    """Where a snippet stands.

    Attributes:
        path: of its source, with forward slashes.
        kind: ``function``, ``class``, ….
        name: qualified name inside the source.
        name_words: words of the name, as a query has them, without compounds.
        stem_words: those of the name of its file; of a package, of its folder.
        kinds: what sorts of file it stands in.
    """

    path: str
    kind: str
    name: str
    name_words: frozenset[str]
    stem_words: frozenset[str]
    kinds: frozenset[PathKind]


def place_of(path: str, kind: str, name: str) -> Place:
    """The place of a snippet with this path, kind and qualified name."""
    stem = dotted(path)[-1]
    return Place(path, kind, name, _words(name), _words(stem), path_kinds(path))


def _words(name: str) -> frozenset[str]:
    parts = " ".join(split_identifier(name))
    return frozenset(query_words(parts, keep_stop_words=True))
