"""VectorRows: the vectors of a generation, in one file, in the order of their ids."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from codeindex.errors import DamagedIndexError
from codeindex.vectors import Embeddings
from codeindex_faiss.files import write

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get

RowNumbers = npt.NDArray[np.int64]
_BLOCK = 16_384
_MAPPED_BYTES = 128 << 20  # of all vectors, up to which their pages may stay in memory
_READ_ONE_BY_ONE = 512  # vectors of a larger file; more are taken from the map
_CAN_READ = hasattr(os, "pread")


class VectorRows:
    """float32 (n, dim) on disk, in NumPy's format.

    Attributes:
        mapped: the whole, as a memory map: for a scan. Its pages count as this process's memory.
        close: closes the file; may be called twice.
    """

    def __init__(self, path: Path, dim: int) -> None:
        """Opens the file.

        Raises:
            DamagedIndexError: it holds something else.
        """
        try:
            # As a plain array: NumPy's class for maps costs some microseconds with every use.
            self.mapped: Embeddings = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            if self.mapped.dtype != np.float32 or self.mapped.shape[1:] != (dim,):
                raise ValueError(f"{self.mapped.dtype} {self.mapped.shape}")
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except (OSError, ValueError, EOFError) as error:
            raise DamagedIndexError(f"cannot read {path}: {error}") from error
        self._descriptor = descriptor
        self.close = weakref.finalize(self, os.close, descriptor)
        self._start = path.stat().st_size - self.mapped.nbytes
        self._width = 4 * dim
        self._dim = dim

    def __len__(self) -> int:
        return len(self.mapped)

    def scores(self, queries: Embeddings, rows: RowNumbers) -> npt.NDArray[np.float32]:
        """Inner products (n, m) of each query (n, dim) with its rows (n, m); −infinity for −1.

        Raises:
            DamagedIndexError: there is no such row.
        """
        if rows.max(initial=-1) >= len(self.mapped):
            raise DamagedIndexError(f"a candidate is none of the {len(self.mapped):,} vectors")
        vectors, places = self.mapped, np.ascontiguousarray(rows)
        if vectors.nbytes > _MAPPED_BYTES and rows.size <= _READ_ONE_BY_ONE and _CAN_READ:
            vectors = self._read(places)
            places = np.where(places < 0, -1, np.arange(rows.size).reshape(rows.shape))
        scores = np.empty(rows.shape, dtype=np.float32)
        # Each score by itself, whatever else is asked: equal vectors have equal ones, to the bit.
        faiss.fvec_inner_products_by_idx(
            faiss.swig_ptr(scores),
            faiss.swig_ptr(queries),
            faiss.swig_ptr(vectors),
            faiss.swig_ptr(places),
            self._dim,
            *rows.shape,
        )
        return scores

    def _read(self, rows: RowNumbers) -> Embeddings:
        """Copies of a few rows: (rows.size, dim), any one for −1.

        They are read from the file, so that no page of it stays in this process's memory:
        of a million vectors, a map would in time hold all.
        """
        descriptor, width, start = self._descriptor, self._width, self._start
        places = (np.maximum(rows.ravel(), 0) * width + start).tolist()
        data = b"".join([os.pread(descriptor, width, place) for place in places])
        return np.frombuffer(data, dtype=np.float32).reshape(rows.size, self._dim)


def write_rows(path: Path, number: int, dim: int, blocks: Iterable[Embeddings]) -> str:
    """Writes `number` vectors that come in blocks; one block is in memory. The file's SHA-256.

    Raises:
        StorageError: it cannot be written.
    """

    def produce(put: Callable[[bytes], object]) -> None:
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, dim), np.float32))
        put(_header({**header, "shape": (number, dim)}))
        for block in blocks:
            put(np.ascontiguousarray(block, dtype=np.float32).tobytes())

    return write(path, produce)


def blocks_of(rows: Embeddings, keep: npt.NDArray[np.bool_] | None = None) -> Iterable[Embeddings]:
    """Rows in blocks, those only that are to be kept."""
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        yield block if keep is None else block[keep[start : start + _BLOCK]]


def _header(facts: dict[str, object]) -> bytes:
    import io

    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, facts)
    return buffer.getvalue()
