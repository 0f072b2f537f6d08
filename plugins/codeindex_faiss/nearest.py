"""The nearest rows of a generation: candidates by its structure, scores by its vectors."""

from __future__ import annotations

from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from codeindex.vectors import Embeddings
from codeindex_faiss.allowed import Allowed
from codeindex_faiss.generation import Generation
from codeindex_faiss.scan import RowNumbers, Scanner, Scores
from codeindex_faiss.structures import IVF, PQ, SQ8, Searching, Structure

faiss: Any = _faiss

COPIED_VALUES = 80_000_000
"""Bytes, rows times dimensions, up to which the codes of the allowed rows are copied and scanned.

A graph is of little help where few rows are allowed: of a million vectors, with a filter of 1 %,
it finds two thirds of the nearest, and with one of 20 % it must look at several times as much as
without to find as many. Scanning so many codes takes about ten milliseconds.
"""

_PACKED_VALUES = 8 * COPIED_VALUES
"""The same for codes of half a byte for four values."""

_LEAST_EFFORT, _MOST_EFFORT = 1.5, 6.0
_FULL_SHARE = 0.3  # of rows allowed, from which a graph is searched with the least effort


class Nearest:
    """Searches one generation."""

    def __init__(self, generation: Generation, scanner: Scanner, how: Searching) -> None:
        """Takes what is searched, threads for it, and how exact it is to be."""
        self._generation = generation
        self._scanner = scanner
        self._how = how

    def search(
        self,
        queries: Embeddings,
        k: int,
        gone: npt.NDArray[np.bool_] | None,
        allowed: Allowed | None,
    ) -> tuple[Scores, RowNumbers]:
        """Scores and rows (n, ≥ k) with the k best among them, in no order.

        A missing one is −1 and −infinity.

        Args:
            k: not more than may be found.
            gone: rows that must not be found.
            allowed: the only rows that may be found, none of them gone.
        """
        if allowed is not None:
            return self._filtered(queries, k, allowed)
        if gone is None:
            return self._all(queries, k)
        # Few of them are near: it is cheaper to ask for more than to look at each.
        wanted = min(len(gone), k + min(int(gone.sum()), k + 16))
        while True:
            scores, rows = self._all(queries, wanted)
            dead = (rows >= 0) & gone[rows]
            short = ((rows >= 0) & ~dead).sum(axis=1) < k
            if wanted == len(gone) or not (short & dead.any(axis=1)).any():
                break
            wanted = min(len(gone), 2 * wanted)
        return np.where(dead, np.float32(-np.inf), scores), np.where(dead, -1, rows)

    def _all(self, queries: Embeddings, k: int) -> tuple[Scores, RowNumbers]:
        structure = self._generation.structure
        if structure is None:
            return self._scanner.nearest(queries, self._generation.vectors, k)
        wanted = self._candidates(structure, k, len(structure))
        return self._refined(queries, self._by(structure, queries, wanted))

    def _filtered(self, queries: Embeddings, k: int, allowed: Allowed) -> tuple[Scores, RowNumbers]:
        structure = self._generation.structure
        dim = queries.shape[1]
        values = allowed.number * dim
        scanned = structure is not None and structure.kind == PQ
        most = _PACKED_VALUES if scanned else COPIED_VALUES
        few = 4 * values <= COPIED_VALUES  # as floats
        coded = values <= most and not (scanned and few)
        if structure is not None and structure.kind != IVF and coded:
            wanted = self._candidates(structure, k, allowed.number)
            rows = allowed.rows[self._by(allowed.codes, queries, wanted)]
            return self._refined(queries, rows)
        if few:
            scores, rows = self._scanner.nearest(queries, allowed.vectors, k)
            return scores, allowed.rows[rows]
        if structure is None or scanned:
            return self._selected(queries, k, allowed)
        effort = max(_LEAST_EFFORT, min(_MOST_EFFORT, _FULL_SHARE / allowed.share))
        wanted = self._candidates(structure, k, allowed.number)
        rows = self._by(structure, queries, wanted, allowed.selector, effort)
        return self._refined(queries, rows)

    def _by(
        self,
        structure: Structure,
        queries: Embeddings,
        k: int,
        selector: Any = None,
        effort: float = 1,
    ) -> RowNumbers:
        if structure.kind == SQ8 and selector is None:
            return self._scanner.nearest_codes(queries, structure.index, k)
        faiss.omp_set_num_threads(1 if len(queries) == 1 else self._scanner.threads)
        return structure.search(queries, k, self._how, selector, effort)

    def _selected(self, queries: Embeddings, k: int, allowed: Allowed) -> tuple[Scores, RowNumbers]:
        """A scan of all that looks at the allowed rows only."""
        vectors = self._generation.vectors
        scores = np.empty((len(queries), k), dtype=np.float32)
        rows = np.empty((len(queries), k), dtype=np.int64)
        faiss.omp_set_num_threads(self._scanner.threads)
        faiss.knn_inner_product(
            faiss.swig_ptr(queries),
            faiss.swig_ptr(vectors),
            queries.shape[1],
            len(queries),
            len(vectors),
            k,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            allowed.selector,
        )
        return scores, rows

    def _refined(self, queries: Embeddings, rows: RowNumbers) -> tuple[Scores, RowNumbers]:
        """Candidates (n, m) with scores from the vectors themselves."""
        source = self._generation.rows
        assert source is not None  # noqa: S101
        return source.scores(queries, rows), rows

    def _candidates(self, structure: Structure, k: int, most: int) -> int:
        return min(most, self._how.candidates_for(structure.kind, k))
