"""Place: where a snippet stands and what it is called, read once for all queries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from codeindex.lexical.stemming import stem
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
    # Classes and files have many snippets: what they are called is taken apart once.
    name_words = frozenset().union(*map(_words, name.split(".")))
    return Place(path, kind, name, name_words, _words(dotted(path)[-1]), path_kinds(path))


@lru_cache(maxsize=50_000)
def _words(name: str) -> frozenset[str]:
    if name.isascii():
        return frozenset(map(stem, split_identifier(name)))
    parts = " ".join(split_identifier(name))  # a script without spaces has more words than parts
    return frozenset(query_words(parts, keep_stop_words=True))
