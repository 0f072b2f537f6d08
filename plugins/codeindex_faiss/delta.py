"""Delta: what was added since the generation was built; searched exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.vectors import Embeddings
from codeindex_faiss.payloads import Ids, Payloads

_FIRST_CAPACITY = 1024


class Delta:
    """Vectors with ids and payloads, in memory."""

    def __init__(self, dim: int) -> None:
        """An empty one."""
        self._dim = dim
        self._buffer: Embeddings = np.empty((0, dim), dtype=np.float32)
        self._size = 0
        self._ids: list[Ids] = []
        self._payloads: list[Payloads] = []
        self._highest = -1

    def __len__(self) -> int:
        return self._size

    @property
    def vectors(self) -> Embeddings:
        """float32 (n, dim)."""
        return self._buffer[: self._size]

    @property
    def ids(self) -> Ids:
        """(n,), in the order of the vectors."""
        if len(self._ids) != 1:
            self._ids = [np.concatenate(self._ids) if self._ids else np.empty(0, np.int64)]
        return self._ids[0]

    @property
    def payloads(self) -> Payloads:
        """(n,), in the order of the vectors."""
        if len(self._payloads) != 1:
            self._payloads = [Payloads.joined(self._payloads)]
        return self._payloads[0]

    def add(self, vectors: Embeddings, payloads: Payloads) -> None:
        """Adds vectors (n, dim) with payloads (n,); their ids are not there yet."""
        needed = self._size + len(vectors)
        if needed > len(self._buffer):
            larger = np.empty((max(needed, 2 * self._size, _FIRST_CAPACITY), self._dim), np.float32)
            larger[: self._size] = self.vectors
            self._buffer = larger
        self._buffer[self._size : needed] = vectors
        self._size = needed
        self._ids.append(payloads.ids)
        self._payloads.append(payloads)
        self._highest = max(self._highest, int(payloads.ids.max(initial=-1)))

    def remove(self, ids: Ids) -> bool:
        """Forgets these ids; whether one of them was there."""
        if not len(ids) or ids.min() > self._highest:
            return False  # the usual case while an index is made: ids only grow
        keep = ~np.isin(self.ids, ids)
        if keep.all():
            return False
        payloads = self.payloads.take(keep)
        self._buffer = np.ascontiguousarray(self.vectors[keep])
        self._size = len(self._buffer)
        self._ids, self._payloads = [payloads.ids], [payloads]
        return True

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As plain arrays, for a file."""
        return {"vectors": self.vectors, **self.payloads.arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], dim: int) -> Delta:
        """What `arrays` gave.

        Raises:
            ValueError: it is something else.
        """
        payloads = Payloads.from_arrays(arrays)
        vectors = arrays.get("vectors")
        if vectors is None or vectors.dtype != np.float32 or vectors.shape != (len(payloads), dim):
            raise ValueError(f"not {len(payloads)} vectors of {dim} dimensions")
        delta = cls(dim)
        delta.add(vectors, payloads)
        return delta
