"""Scoring: candidates → scores with all that they are the sum of, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeindex.ranking.fusion import normalised
from codeindex.ranking.mode import Mode
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
    query: Query, candidates: Sequence[Candidate], mode: Mode, floor: float, weights: Weights
) -> list[Scored]:
    """Candidates by score, best first; equal ones by path and name.

    Args:
        floor: the cosine of what has nothing to do with each other.
    """
    parts = _halves(candidates, _share(query, mode, weights), floor)
    fused = [sum(part.values()) for part in parts]
    files = coherence(fused, [candidate.place for candidate in candidates])
    signals = weights.signals
    active = [(name, signals[name], SIGNALS[name]) for name in SIGNALS if signals.get(name)]
    if not query.symbolic:  # these two would say nothing
        active = [one for one in active if one[0] not in ("definition", "prefix")]
    for candidate, part, file in zip(candidates, parts, files, strict=True):
        place = candidate.place
        for name, weight, signal in active:
            part[name] = weight * signal(query, place)
        part["coherence"] = signals.get("coherence", 0.0) * file
        for kind in place.kinds - query.wanted:
            part[kind] = signals.get(kind, 0.0)
    found = []
    for candidate, part in zip(candidates, parts, strict=True):
        kept = {name: amount for name, amount in part.items() if amount}
        found.append(Scored(candidate, sum(kept.values()), kept))
    return sorted(found, key=_order)


def _order(found: Scored) -> tuple[float, str, str, int]:
    candidate = found.candidate
    return -round(found.score, _DIGITS), candidate.place.path, candidate.place.name, candidate.id


def _share(query: Query, mode: Mode, weights: Weights) -> float:
    if mode is not Mode.HYBRID:
        return float(mode is Mode.DENSE)
    return weights.dense_symbolic if query.symbolic else weights.dense


def _halves(candidates: Sequence[Candidate], dense: float, floor: float) -> list[dict[str, float]]:
    """What each half gives. What is not among the nearest is at most as near as the last is."""
    known = [candidate.cosine for candidate in candidates if candidate.cosine is not None]
    last = min(known, default=floor)
    cosines = normalised(
        [last if c.cosine is None else c.cosine for c in candidates], min(floor, last)
    )
    words = normalised([candidate.bm25 for candidate in candidates], 0.0)
    return [
        {"dense": dense * cosine, "lexical": (1 - dense) * word}
        for cosine, word in zip(cosines, words, strict=True)
    ]
