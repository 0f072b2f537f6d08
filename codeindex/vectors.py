"""Embeddings, the space they live in, and the checks at every border they cross."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Embeddings: TypeAlias = npt.NDArray[np.float32]
"""float32 array of shape (n, dim), finite, C-order."""


class Metric(StrEnum):
    """How two vectors are compared. A higher score is always a better match."""

    INNER_PRODUCT = "inner_product"


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """The space a backend searches: number of dimensions and metric."""

    dim: int
    metric: Metric = Metric.INNER_PRODUCT


def checked_embeddings(vectors: npt.ArrayLike, *, dim: int, rows: int | None = None) -> Embeddings:
    """`vectors` as a finite float32 C-order array of shape (rows, dim); the input is not changed.

    Raises:
        ValueError: a wrong shape, or a value that is not finite.
    """
    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != dim:
        raise ValueError(f"expected vectors of shape (n, {dim}), got {array.shape}")
    if rows is not None and len(array) != rows:
        raise ValueError(f"expected {rows} vectors, got {len(array)}")
    if not np.isfinite(array).all():
        raise ValueError("a vector holds NaN or infinity")
    return array


def unit(vectors: Embeddings) -> Embeddings:
    """Rows scaled to length 1; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)  # (n, 1)
    return np.asarray(vectors / np.where(norms == 0, 1, norms), dtype=np.float32)
