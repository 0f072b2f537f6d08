"""Source: snippets and vectors that are imported, whatever file they are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from codeindex.errors import UsageError
from codeindex.exchange.made_with import MadeWith
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

RawVectors: TypeAlias = npt.NDArray[np.floating[Any]]
"""(n, dim), of any floating-point type, not checked yet."""

SourceBlock: TypeAlias = tuple[Sequence[Snippet], RawVectors]
"""Snippets and their vectors, in one order."""

_TOLERANCE = 1e-3  # float16 is as near to length 1


class Source(Protocol):
    """What can be imported.

    Attributes:
        path: the file or folder.
        rows, dim: of its vectors.
        made_with: the encoder that made them, if it says so.
        whole: each snippet has all that its text was made of, so that a lost vector can be made
            again.
    """

    path: Path
    rows: int
    dim: int
    made_with: MadeWith | None
    whole: bool

    def vector_place(self, row: int) -> str:
        """Where a vector stands, for messages."""
        ...

    def blocks(self) -> Iterator[SourceBlock]:
        """All of it, so many rows at a time.

        Raises:
            UsageError: it is not what it should be; the message names file, row and field.
        """
        ...

    def close(self) -> None:
        """Frees what is open."""
        ...


def finite(source: Source, vectors: RawVectors, start: int) -> None:
    """Refuses a vector that holds NaN or infinity.

    Args:
        source: where they are from.
        vectors: those from row `start`.

    Raises:
        UsageError: one does; the message says where it stands.
    """
    sound = np.isfinite(vectors).all(axis=1)
    if not sound.all():
        row = int(np.argmin(sound))
        column = int(np.argmin(np.isfinite(vectors[row])))
        raise UsageError(
            f"{source.vector_place(start + row)}: {vectors[row, column]} at position {column};"
            " a vector holds finite numbers"
        )


def unit_rows(vectors: RawVectors) -> tuple[Embeddings, int]:
    """Finite vectors (n, dim) as float32, those scaled to length 1 that have another length.

    Rows of length 1 (to a thousandth) stay as they are to the bit, a zero row stays zero.

    Returns:
        The vectors, and how many were scaled.
    """
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True)  # (n, 1)
    wide /= np.where(largest == 0, 1, largest)  # so that no square overflows
    norms = np.linalg.norm(wide, axis=1, keepdims=True)  # (n, 1)
    with np.errstate(over="ignore"):
        lengths = (norms * largest)[:, 0]
    off = (lengths != 0) & ~(np.abs(lengths - 1) <= _TOLERANCE)
    with np.errstate(over="ignore"):
        result = vectors.astype(np.float32)
    result[off] = wide[off] / norms[off]
    return result, int(off.sum())
