"""Filters of Qdrant, evaluated on one payload."""

from __future__ import annotations

from qdrant_client import models


class Unindexed(Exception):
    """A field without a payload index was filtered on: a server in strict mode refuses that."""


def accepts(where: models.Filter | None, id: str, payload: dict, indexed: set[str]) -> bool:
    """Whether a point satisfies a filter."""
    if where is None:
        return True
    must, must_not, should = (_listed(part) for part in (where.must, where.must_not, where.should))
    assert where.min_should is None, "the double knows no min_should"
    return (
        all(_one(item, id, payload, indexed) for item in must)
        and not any(_one(item, id, payload, indexed) for item in must_not)
        and (not should or any(_one(item, id, payload, indexed) for item in should))
    )


def _listed(part) -> list:
    if part is None:
        return []
    return part if isinstance(part, list) else [part]


def _one(condition, id: str, payload: dict, indexed: set[str]) -> bool:
    if isinstance(condition, models.Filter):
        return accepts(condition, id, payload, indexed)
    if isinstance(condition, models.HasIdCondition):
        return id in [str(item) for item in condition.has_id]
    assert isinstance(condition, models.FieldCondition), f"the double knows no {condition!r}"
    if condition.key not in indexed:
        raise Unindexed(condition.key)
    assert isinstance(condition.match, models.MatchAny), f"the double knows no {condition!r}"
    held = payload.get(condition.key)
    values = held if isinstance(held, list) else [held]
    return any(value in condition.match.any for value in values)
