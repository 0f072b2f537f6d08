"""Signals: what tells that a snippet is the one asked for, besides what it says and means.

Each is a pure function to 0…1; what it is worth stands in `weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from codeindex.ranking.paths import dotted
from codeindex.ranking.place import Place
from codeindex.ranking.query import Query

_LEAST_PREFIX = 3
_OWNER = 0.3
_LAST_PART = 0.5


def definition(query: Query, place: Place) -> float:
    """Whether it defines the name that is all that is asked for.

    1 for the whole name, with or without its modules; half for the last part of a dotted one,
    which may be known by another path; less for a method of a class that is asked for.
    A name within a sentence earns nothing: it is more often about something else.
    """
    if not query.symbolic:
        return 0.0
    name = tuple(place.name.lower().split("."))
    return max(_defines(symbol, name, place.path) for symbol in query.symbols)


def _defines(symbol: tuple[str, ...], name: tuple[str, ...], path: str) -> float:
    length = len(symbol)
    if name[-length:] == symbol:
        return 1.0
    if length > 1:
        if (dotted(path) + name)[-length:] == symbol:
            return 1.0
        if name[-1] == symbol[-1]:
            return _LAST_PART
    return _OWNER if name[:-1][-length:] == symbol else 0.0


def prefix(query: Query, place: Place) -> float:
    """How much of its name the beginning is that is asked for: ``parse_ar`` of ``parse_args``."""
    if not query.symbolic:
        return 0.0
    last = place.name.lower().rpartition(".")[2]
    return max(
        len(symbol[-1]) / len(last)
        if _LEAST_PREFIX <= len(symbol[-1]) < len(last) and last.startswith(symbol[-1])
        else 0.0
        for symbol in query.symbols
    )


def name(query: Query, place: Place) -> float:
    """How far the words of its name and those of the question are the same."""
    return _agreement(query, place.name_words)


def stem(query: Query, place: Place) -> float:
    """The same of the name of its file."""
    return _agreement(query, place.stem_words)


def _agreement(query: Query, words: frozenset[str]) -> float:
    """The harmonic mean of two shares: of the words, and, by rarity, of the question.

    So the one word of ``get`` is little of a long question, and a long name that has one of
    its words as well.
    """
    if words.isdisjoint(query.shares):
        return 0.0
    said = query.share(words)
    asked = len(words & query.shares.keys()) / len(words)
    return 2 * said * asked / (said + asked)


SIGNALS: Mapping[str, Callable[[Query, Place], float]] = MappingProxyType(
    {
        "definition": definition,
        "prefix": prefix,
        "name": name,
        "stem": stem,
    }
)
"""Those of one snippet alone, by name."""

OF_SYMBOLS = frozenset({"definition", "prefix"})
"""Those that are 0 unless nothing but names of code is asked for."""


def coherence(fused: Sequence[float], places: Sequence[Place]) -> list[float]:
    """How much of the question is answered in the file of each, 1 for the file with the most.

    What two candidates answer counts twice, and what answers half counts a quarter.
    """
    by_file: dict[str, float] = {}
    for score, place in zip(fused, places, strict=True):
        by_file[place.path] = by_file.get(place.path, 0.0) + score * score
    most = max(by_file.values(), default=0.0) or 1.0
    return [by_file[place.path] / most for place in places]
