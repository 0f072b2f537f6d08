"""Scoring: candidates → scores with all that they are the sum of, best first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeindex.ranking.background import Background
from codeindex.ranking.fusion import nearness
from codeindex.ranking.mode import Mode
from codeindex.ranking.paths import PathKind
from codeindex.ranking.place import Place
from codeindex.ranking.query import Query
from codeindex.ranking.signals import OF_SYMBOLS, SIGNALS, coherence
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
    background: Background | None,
    most: float,
    weights: Weights,
) -> Iterator[Scored]:
    """Candidates by score, best first; equal ones by path and name.

    Few of them are looked at mostly: what each is the sum of is told as it is reached.

    Args:
        background: of the encoder; None where it was not asked.
        most: what no snippet's BM25 is above.
    """
    parts = _parts(query, candidates, mode, background, most, weights)
    totals = list(map(sum, zip(*parts.values(), strict=True)))
    names = list(parts)

    def place(row: int) -> tuple[float, str, str, int]:
        candidate = candidates[row]
        where = candidate.place
        return -round(totals[row], _DIGITS), where.path, where.name, candidate.id

    for row in sorted(range(len(candidates)), key=place):
        told = {name: parts[name][row] for name in names if parts[name][row]}
        yield Scored(candidates[row], totals[row], told)


def _parts(
    query: Query,
    candidates: Sequence[Candidate],
    mode: Mode,
    background: Background | None,
    most: float,
    weights: Weights,
) -> dict[str, Sequence[float]]:
    """Part → what it gives to each candidate."""
    share, signals = _share(query, mode, weights), weights.signals
    dense, lexical = _halves(candidates, background, most)
    places = [candidate.place for candidate in candidates]
    parts: dict[str, Sequence[float]] = {
        "dense": [share * near for near in dense],
        "lexical": [(1 - share) * said for said in lexical],
    }
    for name, signal in SIGNALS.items():
        # Where no name of code is all that is asked for, two of them would say nothing.
        if (weight := signals.get(name, 0.0)) and (query.symbolic or name not in OF_SYMBOLS):
            parts[name] = [weight * signal(query, place) for place in places]
    if together := signals.get("coherence", 0.0):
        fused = list(map(float.__add__, parts["dense"], parts["lexical"]))
        parts["coherence"] = [together * file for file in coherence(fused, places)]
    for kind in PathKind:
        if (weight := signals.get(kind, 0.0)) and kind not in query.wanted:
            amounts = [weight if kind in place.kinds else 0.0 for place in places]
            if any(amounts):
                parts[kind.value] = amounts
    return parts


def _share(query: Query, mode: Mode, weights: Weights) -> float:
    if mode is not Mode.HYBRID:
        return float(mode is Mode.DENSE)
    return weights.dense_symbolic if query.symbolic else weights.dense


def _halves(
    candidates: Sequence[Candidate], background: Background | None, most: float
) -> tuple[list[float], list[float]]:
    """Both scores of each; what is not among the nearest is as near as the last of them is."""
    lexical = [candidate.bm25 / most if most else 0.0 for candidate in candidates]
    if background is None:
        return [0.0] * len(candidates), lexical
    known = [candidate.cosine for candidate in candidates if candidate.cosine is not None]
    last = min(known, default=background.mean)
    cosines = [last if one.cosine is None else one.cosine for one in candidates]
    return nearness(cosines, background), lexical
