"""Exact search of a flat index for one query, by several threads.

FAISS gives its threads to queries, never to parts of one scan. A scan is bound by memory, and
one core does not use all of what the memory gives: each thread takes a range of the rows.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import faiss as _faiss
import numpy as np

from codeindex.vectors import Embeddings

faiss: Any = _faiss


class Scan:
    """A flat index as it is; to be made anew when the index changes."""

    def __init__(self, index: Any, threads: int) -> None:
        """Takes an ``IndexIDMap`` over a flat index."""
        self._flat = faiss.downcast_index(index.index)
        self._ids = faiss.vector_to_array(index.id_map)
        bounds = np.linspace(0, len(self._ids), threads + 1, dtype=np.int64).tolist()
        self._parts = [
            faiss.SearchParameters(sel=faiss.IDSelectorRange(start, end))
            for start, end in pairwise(bounds)
        ]
        # OpenMP keeps a number of threads for each thread: here one, all are busy with a part.
        self._pool = ThreadPoolExecutor(
            threads - 1, initializer=faiss.omp_set_num_threads, initargs=(1,)
        )

    def nearest(self, query: Embeddings, k: int) -> tuple[Any, Any]:
        """Scores and ids (1, ≤ k), best first; a missing one has id −1.

        Args:
            query: (1, dim).
            k: at most the number of rows.
        """
        others = [self._pool.submit(self._part, query, k, part) for part in self._parts[1:]]
        found = [self._part(query, k, self._parts[0]), *(other.result() for other in others)]
        scores = np.concatenate([part[0] for part in found], axis=1)
        rows = np.concatenate([part[1] for part in found], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(rows, best, 1)
        return np.take_along_axis(scores, best, 1), np.where(rows < 0, -1, self._ids[rows])

    def _part(self, query: Embeddings, k: int, part: Any) -> tuple[Any, Any]:
        scores, rows = self._flat.search(query, k, params=part)
        return scores, rows

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()
