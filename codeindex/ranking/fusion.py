"""Fusion: the scores of two searches, which know nothing of each other, as one.

Both are brought to a scale that does not depend on what else was found, and added with a weight
(Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval", ACM TOIS 2023):
cosines as deviations from those of unrelated texts, BM25 by the most that the question's words can
give. So each half counts for little where it has found nothing that is near, or no snippet that
has the words that matter. Others are measured beside it by ``python -m benchmarks.ranking``:
reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009), which looks at ranks only, finds
less; cosines by the best of the query's candidates find as much, but say nothing of how near that
is, and the signals added to them find less.
"""

from __future__ import annotations

from collections.abc import Sequence

from codeindex.ranking.background import Background

NEAR = 8.0
"""Deviations above the mean of unrelated texts that count 1."""


def nearness(cosines: Sequence[float], background: Background) -> list[float]:
    """Cosines as 0 and more: what is no nearer than unrelated texts → 0, `NEAR` deviations → 1."""
    mean, width = background.mean, background.deviation * NEAR
    return [(cosine - mean) / width if cosine > mean else 0.0 for cosine in cosines]


def normalised(scores: Sequence[float]) -> list[float]:
    """Scores as 0…1, the least and the best of them; all 1 where nothing tells them apart."""
    if not scores:
        return []
    least = min(scores)
    width = max(scores) - least
    return [(score - least) / width if width > 0 else 1.0 for score in scores]
