"""VectorFile: a ``.npy`` of known shape, of which only the rows at hand are in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib.format import open_memmap

from codeindex.vectors import Embeddings

_DTYPE = np.dtype("<f4")
_ZEROS = bytes(1 << 20)


class VectorFile:
    """float32 (rows, dim) on disk. Rows are mapped while they are written or read."""

    def __init__(self, path: Path, rows: int, dim: int) -> None:
        """Opens a file that `fits`."""
        self.path = path
        self.rows = rows
        self.dim = dim
        self._offset = int(open_memmap(path, mode="r").offset)

    @classmethod
    def create(cls, path: Path, rows: int, dim: int) -> VectorFile:
        """Makes the file of zeros, its space taken.

        A hole in a mapped file for which the disk has no room kills the process (SIGBUS) when
        it is written to; so the room is taken now, and its lack is an error.

        Raises:
            OSError: there is not enough space.
        """
        path.unlink(missing_ok=True)
        open_memmap(path, mode="w+", dtype=_DTYPE, shape=(rows, dim)).flush()
        try:
            _take_space(path)
        except BaseException:
            path.unlink()
            raise
        return cls(path, rows, dim)

    @staticmethod
    def fits(path: Path, rows: int, dim: int) -> bool:
        """Whether `path` is such a file of this shape, and whole."""
        try:
            mapped = open_memmap(path, mode="r")
        except (OSError, ValueError):
            return False
        return mapped.shape == (rows, dim) and mapped.dtype == _DTYPE

    def write(self, start: int, vectors: Embeddings) -> None:
        """Writes rows from `start`.

        Raises:
            ValueError: they are more than there is room for.
        """
        if start + len(vectors) > self.rows or vectors.shape[1] != self.dim:
            raise ValueError(f"{vectors.shape} at {start} into ({self.rows}, {self.dim})")
        rows = self._map("r+", start, start + len(vectors))
        rows[:] = vectors

    def read(self, start: int, stop: int) -> Embeddings:
        """Rows ``start..stop`` (stop - start, dim), mapped."""
        return self._map("r", start, stop)

    def sync(self) -> None:
        """To the disk."""
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _map(self, mode: Literal["r", "r+"], start: int, stop: int) -> Embeddings:
        return np.memmap(
            self.path,
            dtype=_DTYPE,
            mode=mode,
            offset=self._offset + start * self.dim * _DTYPE.itemsize,
            shape=(stop - start, self.dim),
        )


def _take_space(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
        file.seek(open_memmap(path, mode="r").offset)
        while (left := size - file.tell()) > 0:
            file.write(_ZEROS[:left])
