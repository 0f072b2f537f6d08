"""Exact search of vectors in memory or mapped, for one query by several threads.

FAISS gives its threads to queries, never to parts of one scan. A scan is bound by memory, and
one core does not use all of what the memory gives: each thread takes a range of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from codeindex.vectors import Embeddings

faiss: Any = _faiss

Scores = npt.NDArray[np.float32]
RowNumbers = npt.NDArray[np.int64]
Part = Callable[[int, int], tuple[Scores, RowNumbers]]
"""(first row, end) → scores and row numbers of the best of these rows."""

_ONE_THREAD_BELOW = 200_000
"""Rows times queries below which waking threads costs more than they save."""

_PARTS_FROM = 2_000_000
"""Rows times dimensions from which one query is worth several threads."""


class Scanner:
    """Threads that scan. A process that searches once would spend more on starting them than
    they save, so the first query is scanned without."""

    def __init__(self, threads: int) -> None:
        """Takes how many threads may be used."""
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._asked = False

    def nearest(
        self, queries: Embeddings, vectors: Embeddings, k: int
    ) -> tuple[Scores, RowNumbers]:
        """Scores and row numbers (n, k) of the best among `vectors` (m, dim), k ≤ m."""
        if self._worth_threads(queries, vectors.size):

            def part(start: int, end: int) -> tuple[Scores, RowNumbers]:
                scores, rows = _scan(queries, vectors[start:end], min(k, end - start))
                return scores, rows + start

            return self._in_parts(len(vectors), k, part)
        small = len(vectors) * len(queries) < _ONE_THREAD_BELOW
        faiss.omp_set_num_threads(1 if small else self.threads)
        return _scan(queries, vectors, k)

    def nearest_codes(self, queries: Embeddings, index: Any, k: int) -> RowNumbers:
        """Row numbers (n, k) of the best of a FAISS index that is scanned; a missing one is −1."""
        if self._worth_threads(queries, index.ntotal * index.d):

            def part(start: int, end: int) -> tuple[Scores, RowNumbers]:
                chosen = faiss.SearchParameters(sel=faiss.IDSelectorRange(start, end))
                scores, rows = index.search(queries, k, params=chosen)
                return scores, rows

            return self._in_parts(index.ntotal, k, part)[1]
        faiss.omp_set_num_threads(1 if len(queries) == 1 else self.threads)
        rows: RowNumbers = index.search(queries, k)[1]
        return rows

    def _worth_threads(self, queries: Embeddings, values: int) -> bool:
        first, self._asked = not self._asked, True
        return len(queries) == 1 and not first and self.threads > 1 and values >= _PARTS_FROM

    def _in_parts(self, number: int, k: int, part: Part) -> tuple[Scores, RowNumbers]:
        if self._pool is None:
            # OpenMP keeps a number of threads for each thread: here one, as all are busy.
            self._pool = ThreadPoolExecutor(
                self.threads - 1, initializer=faiss.omp_set_num_threads, initargs=(1,)
            )
        faiss.omp_set_num_threads(1)
        bounds = np.linspace(0, number, self.threads + 1, dtype=np.int64).tolist()
        ranges = list(pairwise(bounds))
        others = [self._pool.submit(part, *bounds) for bounds in ranges[1:]]
        found = [part(*ranges[0]), *(other.result() for other in others)]
        scores = np.concatenate([one[0] for one in found], axis=1)
        rows = np.concatenate([one[1] for one in found], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _scan(queries: Embeddings, vectors: Embeddings, k: int) -> tuple[Scores, RowNumbers]:
    scores, rows = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    return scores, rows
