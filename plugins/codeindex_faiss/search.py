"""Search: one question to a generation and its delta, ties by id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings
from codeindex_faiss.allowed import Allowed
from codeindex_faiss.delta import Delta
from codeindex_faiss.generation import Generation
from codeindex_faiss.nearest import Nearest
from codeindex_faiss.payloads import Ids
from codeindex_faiss.scan import Scanner, Scores

_QUERIES_AT_ONCE = 256
_FEW = 4  # times as many as are wanted are sorted; of more, the best are picked out first


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What is searched.

    Attributes:
        gone: bool (rows of the generation,) those that were removed or replaced; None: none.
        allowed: rows of the generation that satisfy a filter; None: there is no filter.
        mask: bool (rows of the delta,) the same of the delta.
        living: rows of the generation that may be found.
        most: rows of both that may be found, above 0.
    """

    base: Generation
    delta: Delta
    nearest: Nearest
    scanner: Scanner
    gone: npt.NDArray[np.bool_] | None
    allowed: Allowed | None
    mask: npt.NDArray[np.bool_] | None
    living: int
    most: int

    def hits(self, queries: Embeddings, k: int) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits, best first, ties by id."""
        if not self.most:
            return [[] for _ in queries]
        return [
            hits
            for start in range(0, len(queries), _QUERIES_AT_ONCE)
            for hits in self._hits(queries[start : start + _QUERIES_AT_ONCE], k)
        ]

    def _hits(self, queries: Embeddings, k: int) -> list[list[Hit]]:
        """Asks for more where a tie is cut off at the k-th place, until none is."""
        wanted = min(k + 1, self.most)
        scores, ids = self._best(queries, wanted)
        hits = list(map(_as_hits, ids[:, :k].tolist(), scores[:, :k].tolist()))
        asked = np.arange(len(queries))
        while k < wanted < self.most:
            tied = (scores[:, k - 1] == scores[:, -1]) & (ids[:, -1] >= 0)
            if not tied.any():
                break
            asked, wanted = asked[tied], min(2 * wanted, self.most)
            scores, ids = self._best(queries[asked], wanted)
            found = map(_as_hits, ids[:, :k].tolist(), scores[:, :k].tolist())
            for row, its in zip(asked.tolist(), found, strict=True):
                hits[row] = its
        return hits

    def _best(self, queries: Embeddings, wanted: int) -> tuple[Scores, Ids]:
        """The best of generation and delta, at most `wanted`, ties by id; a missing id is −1."""
        scores, ids = self._in_base(queries, wanted)
        if len(self.delta):
            new_scores, new_ids = self._in_delta(queries, wanted)
            scores = np.concatenate([scores, new_scores], axis=1)
            ids = np.concatenate([ids, new_ids], axis=1)
        each = np.arange(len(queries))[:, None]
        if scores.shape[1] > _FEW * wanted:  # which of those that tie with the last is no matter
            order = np.argpartition(-scores, wanted, axis=1)[:, :wanted]
            scores, ids = scores[each, order], ids[each, order]
        order = np.lexsort((ids, -scores), axis=1)[:, :wanted]
        return scores[each, order], ids[each, order]

    def _in_base(self, queries: Embeddings, k: int) -> tuple[Scores, Ids]:
        if not self.living:
            return _nothing(len(queries))
        scores, rows = self.nearest.search(queries, min(k, self.living), self.gone, self.allowed)
        return scores, np.where(rows < 0, -1, self.base.ids[rows])

    def _in_delta(self, queries: Embeddings, k: int) -> tuple[Scores, Ids]:
        vectors, ids = self.delta.vectors, self.delta.ids
        if self.mask is not None:
            vectors, ids = vectors[self.mask], ids[self.mask]
        if not len(ids):
            return _nothing(len(queries))
        scores, rows = self.scanner.nearest(queries, vectors, min(k, len(ids)))
        return scores, ids[rows]


def _nothing(queries: int) -> tuple[Scores, Ids]:
    return np.empty((queries, 0), np.float32), np.empty((queries, 0), np.int64)


def _as_hits(ids: list[int], scores: list[float]) -> list[Hit]:
    """Of one query; the missing ones, −1, are at the end."""
    found = len(ids) if ids[-1] >= 0 else ids.index(-1)
    return list(map(Hit, ids[:found], scores))
