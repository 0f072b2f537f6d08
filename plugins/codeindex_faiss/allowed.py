"""Allowed: which rows of a generation a filter lets through, in the forms that a search needs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from codeindex.vectors import Embeddings
from codeindex_faiss.generation import Generation
from codeindex_faiss.structures import Structure

faiss: Any = _faiss


class Allowed:
    """Rows of a generation. Kept for the next query with the same filter.

    Attributes:
        number: how many rows are allowed.
    """

    def __init__(self, generation: Generation, mask: npt.NDArray[np.bool_]) -> None:
        """Takes which of all rows (n,) may be found."""
        self._generation = generation
        self._mask = mask
        self.number = int(np.count_nonzero(mask))

    @property
    def share(self) -> float:
        """Of all rows."""
        return self.number / max(1, len(self._mask))

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """Their numbers, ascending."""
        return np.flatnonzero(self._mask)

    @cached_property
    def vectors(self) -> Embeddings:
        """Their vectors, copied out."""
        return np.ascontiguousarray(self._generation.vectors[self.rows])

    @cached_property
    def codes(self) -> Structure:
        """Their codes, copied out, to be scanned."""
        assert self._generation.structure is not None  # noqa: S101
        return self._generation.structure.part(self.rows)

    @cached_property
    def selector(self) -> Any:
        """For FAISS; it is valid as long as this object."""
        self._bits = np.packbits(self._mask, bitorder="little")
        return faiss.IDSelectorBitmap(self._bits)
