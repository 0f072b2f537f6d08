"""How well vectors retrieve: ranks of what is relevant, and the field's metrics of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from codeindex.vectors import Embeddings

_ROWS = 512  # queries that are scored together: bounds memory


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Metrics over the whole pool, each between 0 and 1.

    Attributes:
        mrr: mean of 1 / rank of the first relevant text.
        recall_at_1, recall_at_5, recall_at_10: share of queries with a relevant text among the
            first 1, 5, 10.
        queries: how many were asked.
        pool: how many texts were ranked for each.
    """

    mrr: float
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    queries: int
    pool: int

    def as_json(self) -> dict[str, float]:
        """The fields as JSON values."""
        return asdict(self)


def first_ranks(
    queries: Embeddings, corpus: Embeddings, relevant: Sequence[Sequence[int]]
) -> npt.NDArray[np.int64]:
    """Rank (from 1) of the first relevant text of each query, by inner product.

    Of texts with the same score, an irrelevant one counts as the better: a model that gives
    every text the same vector must not look good.

    Args:
        queries: (q, dim). corpus: (n, dim).
        relevant: of each query the rows of `corpus` that answer it, at least one.
    """
    ranks = np.zeros(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _ROWS):
        scores = queries[start : start + _ROWS] @ corpus.T  # (rows, n)
        for row, its in enumerate(relevant[start : start + _ROWS]):
            own = list(set(its))
            best = scores[row, own].max()
            ahead = int((scores[row] >= best).sum()) - int((scores[row, own] >= best).sum())
            ranks[start + row] = ahead + 1
    return ranks


def retrieval(ranks: npt.NDArray[np.int64], pool: int) -> Retrieval:
    """The metrics of `first_ranks`."""

    def recall(k: int) -> float:
        return float((ranks <= k).mean()) if len(ranks) else 0.0

    mrr = float((1 / ranks).mean()) if len(ranks) else 0.0
    return Retrieval(mrr, recall(1), recall(5), recall(10), len(ranks), pool)
