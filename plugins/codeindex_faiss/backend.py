"""FaissBackend: exact search by inner product, with ids and filters."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np

from codeindex.errors import DamagedIndexError, StorageError
from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings, checked_embeddings
from codeindex_faiss.payloads import Ids, Payloads

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get

_GENERATION = re.compile(r"generation-(\d+)\.")
_ONE_THREAD_BELOW = 200_000
"""Rows times queries below which waking OpenMP's threads costs more than they save."""


class FaissBackend:
    """Vectors in one flat index; what is not committed is in memory only."""

    def __init__(self, folder: Path, dim: int, files: Mapping[str, str], threads: int = 0) -> None:
        """Opens the generation that `files` names, or an empty index.

        Raises:
            DamagedIndexError: a file is not what this backend wrote.
        """
        self._folder = folder
        self._dim = dim
        self._files = dict(files)
        self._threads = threads or faiss.omp_get_max_threads()
        self._changed = not files
        self._payloads: Payloads | None = None
        self._mapped = bool(files)
        if files:
            # Opened in no time, and processes share its pages.
            self._index = _read(folder / _named(files, ".faiss"), dim, faiss.IO_FLAG_MMAP_IFC)
        else:
            self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
            self._payloads = Payloads.of([], [])

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        return [int(id) for id in np.sort(self._id_array())]

    def add(self, ids: Sequence[int], vectors: Embeddings, payloads: Sequence[Payload]) -> None:
        """Stores vectors (n, dim); an id that is there already is replaced.

        Raises:
            ValueError: wrong dim, a value that is not finite, an id that is negative or twice.
        """
        added = np.asarray(ids, dtype=np.int64)
        rows = checked_embeddings(vectors, dim=self._dim, rows=len(added))
        if len(payloads) != len(added):
            raise ValueError(f"expected {len(added)} payloads, got {len(payloads)}")
        if len(added) and added.min() < 0:
            raise ValueError(f"an id is negative: {added.min()}")
        if len(np.unique(added)) != len(added):
            raise ValueError("an id is there twice")
        if not len(added):
            return
        self._forget(added)
        self._own()
        self._payloads = self._loaded_payloads() + Payloads.of(ids, payloads)
        self._index.add_with_ids(rows, added)
        self._changed = True

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets these ids; one that is not there is no error."""
        self._forget(np.asarray(ids, dtype=np.int64))

    def _forget(self, ids: Ids) -> None:
        present = np.intersect1d(ids, self._id_array())
        if not len(present):
            return  # removing is a pass over all vectors
        self._own()
        self._payloads = self._loaded_payloads().without(present)
        self._index.remove_ids(faiss.IDSelectorBatch(present))
        self._changed = True

    def _own(self) -> None:
        """Reads the mapped file into memory: a map cannot be changed, faiss crashes on trying."""
        if self._mapped:
            self._index = _read(self._folder / _named(self._files, ".faiss"), self._dim, 0)
            self._mapped = False

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits that satisfy `where`, best first, ties by id."""
        rows = checked_embeddings(queries, dim=self._dim)
        if k < 1 or not len(self):
            return [[] for _ in rows]
        allowed = self._loaded_payloads().allowed(where) if where else None
        most = len(self) if allowed is None else len(allowed)
        if not most:
            return [[] for _ in rows]
        faiss.omp_set_num_threads(1 if len(self) * len(rows) < _ONE_THREAD_BELOW else self._threads)
        return [
            hit
            for start in range(0, len(rows), 256)
            for hit in self._search(rows[start : start + 256], k, most, allowed)
        ]

    def _search(self, rows: Embeddings, k: int, most: int, allowed: Ids | None) -> list[list[Hit]]:
        """Asks for more until no tie is cut off at the k-th place."""
        wanted = min(k + 1, most)
        while True:
            scores, ids = self._nearest(rows, wanted, allowed)
            tied = wanted > k and (scores[:, k - 1] == scores[:, -1]).any()
            if not tied or wanted == most:
                break
            wanted = min(2 * wanted, most)
        order = np.lexsort((ids, -scores), axis=1)[:, :k]
        scores, ids = np.take_along_axis(scores, order, 1), np.take_along_axis(ids, order, 1)
        return [
            [Hit(id, score) for id, score in zip(row_ids, row_scores, strict=True) if id >= 0]
            for row_ids, row_scores in zip(ids.tolist(), scores.tolist(), strict=True)
        ]

    def _nearest(self, rows: Embeddings, k: int, allowed: Ids | None) -> tuple[Any, Any]:
        if allowed is None:
            scores, ids = self._index.search(rows, k)
            return scores, ids
        bitmap = np.zeros(int(self._id_array().max()) // 8 + 1, dtype=np.uint8)
        np.bitwise_or.at(bitmap, allowed >> 3, (1 << (allowed & 7)).astype(np.uint8))
        selector = faiss.IDSelectorBitmap(bitmap)
        parameters = faiss.SearchParameters(sel=selector)
        scores, ids = self._index.search(rows, k, params=parameters)
        return scores, ids

    def commit(self) -> Mapping[str, str]:
        """Writes a new generation beside the old one, if anything changed.

        Raises:
            StorageError: the disk is full or the folder cannot be written; the old
                generation and what is in memory are as before.
        """
        if self._changed:
            number = 1 + max(
                (int(m[1]) for p in self._folder.iterdir() if (m := _GENERATION.match(p.name))),
                default=0,
            )
            stem = f"generation-{number:06}"
            payloads = self._loaded_payloads().to_bytes()
            self._files = {
                f"{stem}.faiss": _write(self._folder / f"{stem}.faiss", self._write_vectors),
                f"{stem}.payload.npz": _write(
                    self._folder / f"{stem}.payload.npz", lambda write: write(payloads)
                ),
            }
            _sync_folder(self._folder)
            self._changed = False
        return dict(self._files)

    def _write_vectors(self, write: Callable[[bytes], object]) -> None:
        """Streams the index, so that no second copy of it is in memory."""
        failures: list[OSError] = []

        def keep_error(data: bytes) -> None:
            if not failures:  # faiss would lose the exception
                try:
                    write(data)
                except OSError as error:
                    failures.append(error)

        faiss.write_index(self._index, faiss.PyCallbackIOWriter(keep_error, 1 << 20))
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Frees the memory; what was not committed is lost."""
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(self._dim))
        self._payloads = None

    def _id_array(self) -> Ids:
        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def _loaded_payloads(self) -> Payloads:
        if self._payloads is None:
            path = self._folder / _named(self._files, ".npz")
            try:
                self._payloads = Payloads.from_bytes(path.read_bytes())
            except (OSError, ValueError) as error:
                raise DamagedIndexError(f"cannot read {path}: {error}") from error
        return self._payloads


def _named(files: Mapping[str, str], ending: str) -> str:
    for name in files:
        if name.endswith(ending):
            return name
    raise DamagedIndexError(f"the index has no {ending} file")


def _read(path: Path, dim: int, flags: int) -> Any:
    try:
        index = faiss.read_index(str(path), flags)
    except RuntimeError as error:
        raise DamagedIndexError(f"cannot read {path}: {str(error).splitlines()[-1]}") from error
    if index.d != dim or not hasattr(index, "id_map"):
        raise DamagedIndexError(f"{path} holds vectors of {index.d} dimensions, not {dim}")
    return index


def _write(path: Path, produce: Callable[[Callable[[bytes], object]], object]) -> str:
    """Writes a file that is there whole or not at all; returns its SHA-256.

    Args:
        produce: calls what it is given with the parts of the contents, in order.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as file:

            def write(data: bytes) -> None:
                digest.update(data)
                file.write(data)

            produce(write)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no such thing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
