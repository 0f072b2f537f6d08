"""Fusion: the scores of two searches, which know nothing of each other, as one.

Scores are brought to 0…1 by the best of the query's candidates and a floor, and added with a
weight (Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval", ACM TOIS
2023). Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009) looks at ranks only; it
is kept for the comparison in the benchmarks, which it loses.
"""

from __future__ import annotations

from collections.abc import Sequence

RRF_K = 60
"""Of the paper: how little the first ranks stand out."""


def normalised(scores: Sequence[float], floor: float | None = None) -> list[float]:
    """Scores as 0…1: `floor` and what is below it → 0, the best → 1.

    Args:
        floor: the least of the scores by default.
    """
    if not scores:
        return []
    least = min(scores) if floor is None else floor
    width = max(scores) - least
    if width <= 0:  # nothing tells them apart
        return [1.0 if floor is None else 0.0] * len(scores)
    return [max(0.0, score - least) / width for score in scores]


def reciprocal_ranks(scores: Sequence[float], k: int = RRF_K) -> list[float]:
    """``1 / (k + rank)`` of each score, the best of which has rank 1; equal ones share a rank."""
    ranks = {score: rank for rank, score in reversed(list(enumerate(_falling(scores), 1)))}
    return [1 / (k + ranks[score]) for score in scores]


def _falling(scores: Sequence[float]) -> list[float]:
    return sorted(scores, reverse=True)
