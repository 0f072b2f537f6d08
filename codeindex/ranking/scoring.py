"""Scoring: candidates → scores with all that they are the sum of, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeindex.ranking.fusion import normalised
from codeindex.ranking.mode import Mode
from codeindex.ranking.paths import PathKind
from codeindex.ranking.place import Place
from codeindex.ranking.query import Query
from codeindex.ranking.signals import SIGNALS, coherence
from codeindex.ranking.weights import Weights

_DIGITS = 6
"""Scores that differ less are equal: the last bits depend on how many queries were asked."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one of the halves has found.

    Attributes:
        id: of the snippet.
        cosine: of query and snippet; None if it is not among the nearest, or was not asked for.
        bm25: what its words give; 0 if it has none, or was not asked for.
    """

    id: int
    place: Place
    cosine: float | None
    bm25: float


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate and what it is worth.

    Attributes:
        parts: what it is the sum of: ``dense``, ``lexical``, and signals; none is 0.
    """

    candidate: Candidate
    score: float
    parts: dict[str, float]


def scored(
    query: Query,
    candidates: Sequence[Candidate],
    mode: Mode,
    floor: float,
    most: float,
    weights: Weights,
) -> list[Scored]:
    """Candidates by score, best first; equal ones by path and name.

    Args:
        floor: the cosine of what has nothing to do with each other.
        most: what no snippet's BM25 is above.
    """
    share, signals = _share(query, mode, weights), weights.signals
    dense, lexical = _halves(candidates, floor, most)
    fused = [share * near + (1 - share) * said for near, said in zip(dense, lexical, strict=True)]
    files = coherence(fused, [candidate.place for candidate in candidates])
    active = [(name, signals[name], SIGNALS[name]) for name in SIGNALS if signals.get(name)]
    if not query.symbolic:  # these two would say nothing
        active = [one for one in active if one[0] not in ("definition", "prefix")]
    together = signals.get("coherence", 0.0)
    found = []
    for candidate, near, said, file in zip(candidates, dense, lexical, files, strict=True):
        place = candidate.place
        halves = {"dense": share * near, "lexical": (1 - share) * said}
        parts = {name: amount for name, amount in halves.items() if amount}
        for name, weight, signal in active:
            if told := signal(query, place):
                parts[name] = weight * told
        if file and together:
            parts["coherence"] = together * file
        if place.kinds:
            parts |= _of_file(place.kinds - query.wanted, signals)
        found.append(Scored(candidate, sum(parts.values()), parts))
    return sorted(found, key=_order)


def _of_file(kinds: frozenset[PathKind], signals: Mapping[str, float]) -> dict[str, float]:
    return {kind.value: signals[kind] for kind in sorted(kinds) if signals.get(kind)}


def _order(found: Scored) -> tuple[float, str, str, int]:
    candidate = found.candidate
    return -round(found.score, _DIGITS), candidate.place.path, candidate.place.name, candidate.id


def _share(query: Query, mode: Mode, weights: Weights) -> float:
    if mode is not Mode.HYBRID:
        return float(mode is Mode.DENSE)
    return weights.dense_symbolic if query.symbolic else weights.dense


def _halves(
    candidates: Sequence[Candidate], floor: float, most: float
) -> tuple[list[float], list[float]]:
    """Both scores of each, as 0…1; what is not among the nearest is as near as the last is."""
    known = [candidate.cosine for candidate in candidates if candidate.cosine is not None]
    last = min(known, default=floor)
    cosines = [last if one.cosine is None else one.cosine for one in candidates]
    return (
        normalised(cosines, min(floor, last)),
        [candidate.bm25 / most if most else 0.0 for candidate in candidates],
    )
