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
from codeindex_faiss.structures import IVF, SQ8, Searching, Structure

faiss: Any = _faiss

COPIED_VALUES = 80_000_000
"""Bytes, rows times dimensions, up to which the codes of the allowed rows are copied and scanned.

A graph is of little help where few rows are allowed: of a million vectors, with a filter of 1 %,
it finds two thirds of the nearest, and with one of 20 % it must look at several times as much as
without to find as many. Scanning so many codes takes about ten milliseconds.
"""

_LEAST_EFFORT, _MOST_EFFORT = 1.5, 6.0
_FULL_SHARE = 0.3  # of rows allowed, from which a graph is searched with the least effort
_READ_ONE_BY_ONE = 512  # vectors; more are taken from the map


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
        """Scores and rows (n, k) of the best, best first; a missing one is −1 and −infinity.

        Args:
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
        scores = np.where(dead, -np.inf, scores).astype(np.float32)
        return _best(scores, np.where(dead, -1, rows), k)

    def _all(self, queries: Embeddings, k: int) -> tuple[Scores, RowNumbers]:
        structure = self._generation.structure
        if structure is None:
            return _padded(*self._scan(queries, self._generation.vectors, k), k)
        rows = self._by(structure, queries, _candidates(k, len(structure)))
        return self._refined(queries, rows, k)

    def _filtered(self, queries: Embeddings, k: int, allowed: Allowed) -> tuple[Scores, RowNumbers]:
        structure = self._generation.structure
        dim = queries.shape[1]
        values = allowed.number * dim
        if structure is not None and values <= COPIED_VALUES and structure.kind != IVF:
            wanted = _candidates(k, allowed.number)
            rows = allowed.rows[self._by(allowed.codes, queries, wanted)]
            return self._refined(queries, rows, k)
        if 4 * values <= COPIED_VALUES:  # as floats
            scores, rows = self._scan(queries, allowed.vectors, min(k, allowed.number))
            return _padded(scores, allowed.rows[rows], k)
        if structure is None:
            return self._selected(queries, k, allowed)
        effort = max(_LEAST_EFFORT, min(_MOST_EFFORT, _FULL_SHARE / allowed.share))
        wanted = _candidates(k, allowed.number)
        rows = self._by(structure, queries, wanted, allowed.selector, effort)
        return self._refined(queries, rows, k)

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

    def _scan(self, queries: Embeddings, vectors: Embeddings, k: int) -> tuple[Scores, RowNumbers]:
        return self._scanner.nearest(queries, vectors, min(k, len(vectors)))

    def _selected(self, queries: Embeddings, k: int, allowed: Allowed) -> tuple[Scores, RowNumbers]:
        """A scan of all that looks at the allowed rows only."""
        vectors = self._generation.vectors
        number = min(k, allowed.number)
        scores = np.empty((len(queries), number), dtype=np.float32)
        rows = np.empty((len(queries), number), dtype=np.int64)
        faiss.omp_set_num_threads(self._scanner.threads)
        faiss.knn_inner_product(
            faiss.swig_ptr(queries),
            faiss.swig_ptr(vectors),
            queries.shape[1],
            len(queries),
            len(vectors),
            number,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            allowed.selector,
        )
        return _padded(scores, rows, k)

    def _refined(self, queries: Embeddings, rows: RowNumbers, k: int) -> tuple[Scores, RowNumbers]:
        """Scores of candidates (n, m) from the vectors themselves; the best k of them."""
        source = self._generation.rows
        assert source is not None  # noqa: S101
        found = rows >= 0
        places = np.where(found, rows, 0)
        take = source.take if rows.size <= _READ_ONE_BY_ONE else source.mapped.__getitem__
        vectors = np.asarray(take(places.ravel())).reshape(*rows.shape, -1)
        scores = np.einsum("nmd,nd->nm", vectors, queries)
        scores = np.where(found, scores, -np.inf).astype(np.float32)
        return _best(scores, rows, k)


def _candidates(k: int, most: int) -> int:
    """How many candidates the k best are taken from: codes of 8 bits change the order a little."""
    return min(most, 2 * k + 10)


def _best(scores: Scores, rows: RowNumbers, k: int) -> tuple[Scores, RowNumbers]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return _padded(np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1), k)


def _padded(scores: Scores, rows: RowNumbers, k: int) -> tuple[Scores, RowNumbers]:
    missing = k - scores.shape[1]
    if missing <= 0:
        return scores, rows
    return (
        np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf),
        np.pad(rows, ((0, 0), (0, missing)), constant_values=-1),
    )
