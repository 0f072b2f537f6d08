"""Fusion: the scores of two searches, which know nothing of each other, as one.

Scores are brought to 0…1 and added with a weight (Bruch, Gai and Ingber, "An analysis of fusion
functions for hybrid retrieval", ACM TOIS 2023): cosines by a floor and the best of the query's
candidates, BM25 by the most that the question's words can give. So words count for little where
no snippet has those that matter. Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR
2009), which looks at ranks only, is measured beside it by ``python -m benchmarks.ranking``, and
finds less.
"""

from __future__ import annotations

from collections.abc import Sequence


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
