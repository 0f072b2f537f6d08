"""Recall and time of a backend's answers, against a scan of all vectors."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import faiss as _faiss
import numpy as np

from codeindex.filters import Filter
from codeindex.interfaces import IndexBackend
from codeindex.vectors import Embeddings

faiss: Any = _faiss


@dataclass(frozen=True)
class Asked:
    """How the queries were answered.

    Attributes:
        recall: share of the k nearest that were found; one that scores as well as the k-th counts.
        p50: median seconds of a query, asked alone.
        times: seconds of each.
    """

    recall: float
    p50: float
    times: list[float]


def truth(vectors: Embeddings, queries: Embeddings, k: int) -> Embeddings:
    """Scores (n, k) of the k nearest vectors of each query, best first, by a scan of all."""
    scores: Embeddings = faiss.knn(
        queries, np.ascontiguousarray(vectors), k, metric=faiss.METRIC_INNER_PRODUCT
    )[0]
    return scores


def ask(backend: IndexBackend, queries: Embeddings, best: Embeddings, where: Filter) -> Asked:
    """Asks one query after the other.

    Args:
        best: what `truth` gave.
    """
    k = best.shape[1]
    backend.search(queries[:1], k, where)
    times, found = [], 0
    for row, scores in enumerate(best):
        query = queries[row : row + 1]
        started = time.perf_counter()
        (hits,) = backend.search(query, k, where)
        times.append(time.perf_counter() - started)
        found += int(sum(hit.score >= scores[-1] - 1e-5 for hit in hits))
    return Asked(float(found / best.size), float(median(times)), times)
