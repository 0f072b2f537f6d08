"""A filter in the engine's terms: values of one indexed field, `field:value`."""

from __future__ import annotations

from collections.abc import Iterable

import qdrant_edge as engine

from codeindex.filters import Filter, Payload
from codeindex_qdrant.edge.notes import Paths
from codeindex_qdrant.edge.shard import TAGS
from codeindex_qdrant.payload import KEYWORD_FIELDS, direct, document, received, sendable


def tags(payload: Payload) -> list[str]:
    """What a point is found by: its language, its kind, its path and the parts of that."""
    fields = document(0, payload)
    return [
        f"{field}:{value}"
        for field in KEYWORD_FIELDS
        for value in ([fields[field]] if isinstance(fields[field], str) else fields[field])
    ]


def paths_in(values: Iterable[str]) -> list[str]:
    """The paths among the values that `tags` gave."""
    mark = "path:"
    return [received(value.removeprefix(mark)) for value in values if value.startswith(mark)]


def engine_filter(where: Filter, paths: Paths) -> engine.Filter | None:
    """What lets through exactly what `where` matches; None: everything.

    Args:
        paths: all that there are, perhaps more.
    """
    conditions: list[engine.FieldCondition | engine.Filter] = []
    if where.languages:
        conditions.append(_any("language", where.languages))
    if where.kinds:
        conditions.append(_any("kind", where.kinds))
    if where.paths:
        globs = [_matching(glob, paths) for glob in where.paths]
        if None not in globs:
            conditions.append(engine.Filter(should=[glob for glob in globs if glob is not None]))
    return engine.Filter(must=list(conditions)) if conditions else None


def _matching(glob: str, paths: Paths) -> engine.FieldCondition | engine.Filter | None:
    """The paths that match a glob; None: all do."""
    known = direct(glob)
    if known is not None:
        return _tagged(f"{field}:{value}" for field, value in known)
    matched, others = paths.split(glob)
    if not others:
        return None
    if len(matched) <= len(others):
        return _any("path", matched)
    # `*.py` lets most through: it costs the engine less to be told what is left out.
    return engine.Filter(must_not=[_any("path", others)])


def _any(field: str, values: Iterable[str]) -> engine.FieldCondition:
    return _tagged(f"{field}:{sendable(value)}" for value in values)


def _tagged(values: Iterable[str]) -> engine.FieldCondition:
    return engine.FieldCondition(TAGS, match=engine.MatchAny(list(values)))
