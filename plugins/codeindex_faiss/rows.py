"""VectorRows: the vectors of a generation, in one file, in the order of their ids."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codeindex.errors import DamagedIndexError
from codeindex.vectors import Embeddings
from codeindex_faiss.files import write

RowNumbers = npt.NDArray[np.int64]
_BLOCK = 16_384


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
            self.mapped: Embeddings = np.load(path, mmap_mode="r", allow_pickle=False)
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

    def take(self, rows: RowNumbers) -> Embeddings:
        """Copies of a few rows: (len(rows), dim).

        They are read from the file, so that no page of it stays in this process's memory:
        of a million vectors, a map would in time hold all.
        """
        if not hasattr(os, "pread"):
            return np.asarray(self.mapped[rows])
        descriptor, width, start = self._descriptor, self._width, self._start
        data = b"".join([os.pread(descriptor, width, start + row * width) for row in rows.tolist()])
        return np.frombuffer(data, dtype=np.float32).reshape(len(rows), self._dim)


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
