"""FaissBackend: exact search by inner product, with ids and filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss as _faiss
import numpy as np

from codeindex.errors import DamagedIndexError
from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings, checked_embeddings
from codeindex_faiss.files import named, read, sync_folder, write
from codeindex_faiss.payloads import Ids, Payloads

if TYPE_CHECKING:
    from codeindex_faiss.scan import Scan

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get

_GENERATION = re.compile(r"generation-(\d+)\.")
_ONE_THREAD_BELOW = 200_000
"""Rows times queries below which waking OpenMP's threads costs more than they save."""

_SCAN_FROM = 2_000_000
"""Rows times dimensions from which one query is worth several threads."""


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
        self._scan: Scan | None = None
        self._queries = 0
        if files:
            # Opened in no time, and processes share its pages.
            self._index = read(folder / named(files, ".faiss"), dim, faiss.IO_FLAG_MMAP_IFC)
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
        """Before a change: reads the mapped file into memory, as faiss crashes on changing it."""
        self._end_scan()
        if self._mapped:
            self._index = read(self._folder / named(self._files, ".faiss"), self._dim, 0)
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
            scan = self._scan_for(rows)
            scores, ids = scan.nearest(rows, k) if scan else self._index.search(rows, k)
            return scores, ids
        bitmap = np.zeros(int(self._id_array().max()) // 8 + 1, dtype=np.uint8)
        np.bitwise_or.at(bitmap, allowed >> 3, (1 << (allowed & 7)).astype(np.uint8))
        selector = faiss.IDSelectorBitmap(bitmap)
        parameters = faiss.SearchParameters(sel=selector)
        scores, ids = self._index.search(rows, k, params=parameters)
        return scores, ids

    def _scan_for(self, rows: Embeddings) -> Scan | None:
        """The scan by several threads, for a single query that is not the first.

        A process that searches once would spend more on starting them than they save.
        """
        self._queries += len(rows)
        if len(rows) != 1 or self._queries == 1 or self._threads == 1:
            return None
        if self._scan is None and len(self) * self._dim >= _SCAN_FROM:
            from codeindex_faiss.scan import Scan

            self._scan = Scan(self._index, self._threads)
        return self._scan

    def _end_scan(self) -> None:
        if self._scan is not None:
            self._scan.close()
            self._scan = None

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
                f"{stem}.faiss": write(self._folder / f"{stem}.faiss", self._write_vectors),
                f"{stem}.payload.npz": write(
                    self._folder / f"{stem}.payload.npz", lambda put: put(payloads)
                ),
            }
            sync_folder(self._folder)
            self._changed = False
        return dict(self._files)

    def _write_vectors(self, put: Callable[[bytes], object]) -> None:
        """Streams the index, so that no second copy of it is in memory."""
        failures: list[OSError] = []

        def keep_error(data: bytes) -> None:
            if not failures:  # faiss would lose the exception
                try:
                    put(data)
                except OSError as error:
                    failures.append(error)

        faiss.write_index(self._index, faiss.PyCallbackIOWriter(keep_error, 1 << 20))
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Frees the memory; what was not committed is lost."""
        self._end_scan()
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(self._dim))
        self._payloads = None

    def _id_array(self) -> Ids:
        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def _loaded_payloads(self) -> Payloads:
        if self._payloads is None:
            path = self._folder / named(self._files, ".npz")
            try:
                self._payloads = Payloads.from_bytes(path.read_bytes())
            except (OSError, ValueError) as error:
                raise DamagedIndexError(f"cannot read {path}: {error}") from error
        return self._payloads
