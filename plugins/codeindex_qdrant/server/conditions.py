"""A `codeindex.filters.Filter` as conditions of Qdrant, letting through exactly the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qdrant_client import models

from codeindex.filters import Filter
from codeindex_qdrant.payload import direct, received, sendable

CHUNK = 1000
"""Values in one condition; more make more conditions."""


def condition(where: Filter, paths: Callable[[], Sequence[str]]) -> models.Filter | None:
    """The conditions for `where`; None if no path of the collection can satisfy it.

    Files, folders and names are asked of the payload's indexes. Any other glob is tried on the
    distinct paths, and those that match are named.

    Args:
        paths: gives the distinct values of the field ``path``; called only if needed.
    """
    must: list[models.Condition] = []
    for name, values in (("language", where.languages), ("kind", where.kinds)):
        if values:
            must.append(_any(name, [sendable(value) for value in values]))
    if where.paths:
        on_path = _path_condition(where.paths, paths)
        if on_path is None:
            return None
        must.append(on_path)
    return models.Filter(must=must)


def _path_condition(
    globs: Sequence[str], paths: Callable[[], Sequence[str]]
) -> models.Filter | None:
    wanted: dict[str, list[str]] = {}
    others: list[str] = []
    for glob in globs:
        alternatives = direct(glob)
        if alternatives is None:
            others.append(glob)
            continue
        for name, value in alternatives:
            wanted.setdefault(name, []).append(value)
    alternatives_of = [_any(name, values) for name, values in wanted.items()]
    if others:
        scan = Filter(paths=tuple(others))
        held = paths()
        matching = [path for path in held if scan.matches_path(received(path))]
        if len(matching) > len(held) // 2:  # naming those that do not match is shorter
            alternatives_of.append(_none_of("path", sorted(set(held) - set(matching))))
        else:
            alternatives_of.extend(_chunks("path", matching))
    return models.Filter(should=alternatives_of) if alternatives_of else None


def _any(name: str, values: Sequence[str]) -> models.Condition:
    if len(values) <= CHUNK:
        return models.FieldCondition(key=name, match=models.MatchAny(any=list(values)))
    return models.Filter(should=_chunks(name, values))


def _none_of(name: str, values: Sequence[str]) -> models.Filter:
    return models.Filter(must_not=_chunks(name, values))


def _chunks(name: str, values: Sequence[str]) -> list[models.Condition]:
    return [
        models.FieldCondition(
            key=name, match=models.MatchAny(any=list(values[start : start + CHUNK]))
        )
        for start in range(0, len(values), CHUNK)
    ]
