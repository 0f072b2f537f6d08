"""Recall of a backend against exact search over the catalog's vectors, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codeindex.catalog.catalog import Catalog
from codeindex.filters import Filter
from codeindex.interfaces import Hit, IndexBackend
from codeindex.vectors import Embeddings

if TYPE_CHECKING:
    from codeindex.indexing import Progress

TOP_K = 10
QUERIES = 200
"""Stored vectors that are searched for, at most."""

_BLOCK = 4096  # vectors in memory at a time
_ROUNDING = 1e-5  # of a score; hits that tie with the last of the nearest are as good as it


@dataclass(frozen=True, slots=True)
class Recall:
    """Which part of the nearest `TOP_K` a backend finds, on average over `queries`."""

    value: float
    queries: int


def measure_recall(
    catalog: Catalog,
    backend: IndexBackend,
    encoder: int,
    dim: int,
    progress: Progress | None = None,
) -> Recall:
    """Searches for a spread sample of the catalog's vectors, by the backend and exactly.

    Args:
        encoder: its row in the catalog, whose vectors have `dim` dimensions.
        progress: is told of the vectors that were compared with.
    """
    ids = catalog.snippet_ids()
    sample = ids[:: max(1, len(ids) // QUERIES)][:QUERIES]
    _, vectors = catalog.vectors(encoder, dim, sample)
    queries = vectors[vectors.any(axis=1)]  # (q, dim); all is equally near to a zero vector
    if not len(queries):
        return Recall(1.0, 0)
    least = _nearest(catalog, encoder, queries, ids, progress)  # (q, k)
    answers = backend.search(queries, TOP_K, Filter())
    good = [
        _good(catalog, encoder, query, hits, float(nearest[0]))
        for query, nearest, hits in zip(queries, least, answers, strict=True)
    ]
    return Recall(sum(good) / least.size, len(queries))


def _nearest(
    catalog: Catalog,
    encoder: int,
    queries: Embeddings,
    ids: Sequence[int],
    progress: Progress | None,
) -> Embeddings:
    """The best scores for each query (q, k), the least of them first; k ≤ `TOP_K`."""
    best = np.zeros((len(queries), 0), dtype=np.float32)
    for start in range(0, len(ids), _BLOCK):
        _, block = catalog.vectors(encoder, queries.shape[1], ids[start : start + _BLOCK])
        scores = np.hstack([best, queries @ block.T])  # (q, k + n)
        best = np.partition(scores, -TOP_K)[:, -TOP_K:] if scores.shape[1] > TOP_K else scores
        if progress is not None:
            progress(min(start + _BLOCK, len(ids)), len(ids))
    return np.sort(best)


def _good(
    catalog: Catalog, encoder: int, query: Embeddings, hits: Sequence[Hit], least: float
) -> int:
    """How many of the hits are among the nearest, by the catalog's vectors."""
    _, vectors = catalog.vectors(encoder, len(query), sorted({hit.id for hit in hits}))
    return int((vectors @ query >= least - _ROUNDING).sum())
