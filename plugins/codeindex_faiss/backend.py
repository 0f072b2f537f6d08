"""FaissBackend: a generation that does not change, and what was added and removed since."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from codeindex.errors import DamagedIndexError
from codeindex.files import sync
from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings, checked_embeddings
from codeindex_faiss.allowed import Allowed
from codeindex_faiss.delta import Delta
from codeindex_faiss.generation import Generation, Part, write
from codeindex_faiss.nearest import COPIED_VALUES, Nearest
from codeindex_faiss.payloads import Payloads, load_arrays, save_arrays
from codeindex_faiss.scan import RowNumbers, Scanner
from codeindex_faiss.search import Search
from codeindex_faiss.structures import APPROXIMATE, FLAT, Building, Searching

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get

CHANGED_SHARE = 0.2
"""Of the generation: when more than this was added and removed, it is to be written anew."""

_NUMBERED = re.compile(r"(?:base|delta)-(\d+)\.")
_DELTA = "delta-"
_FILTERS_KEPT = 4


class FaissBackend:
    """Vectors with ids and payloads; what is not committed is in memory only.

    The generation's files are mapped and never changed. An id of it that was removed or
    replaced is `gone`; new vectors are in the `Delta`, which is searched exactly.
    """

    def __init__(
        self,
        folder: Path,
        dim: int,
        files: Mapping[str, str],
        threads: int = 0,
        building: Building = Building(),  # noqa: B008 - frozen
        searching: Searching = Searching(),  # noqa: B008
    ) -> None:
        """Opens what `files` names, or an empty index.

        Raises:
            DamagedIndexError: a file is not what this backend wrote.
        """
        self._folder = folder
        self._dim = dim
        self._building = building
        self._searching = searching
        self._files = dict(files)
        self._scanner = Scanner(threads or faiss.omp_get_max_threads())
        base = {name: digest for name, digest in files.items() if not name.startswith(_DELTA)}
        self._base = Generation(folder, dim, base)
        self._delta = Delta(dim)
        self._gone: npt.NDArray[np.bool_] | None = None
        self._changed = not files
        self._kept: OrderedDict[Filter, tuple[Allowed, npt.NDArray[np.bool_]]] = OrderedDict()
        for name in files.keys() - base.keys():
            self._read_delta(folder / name)

    def _read_delta(self, path: Path) -> None:
        try:
            arrays = load_arrays(path)
            self._delta = Delta.from_arrays(arrays, self._dim)
            rows = self._base.rows_of(arrays["gone"])
            if len(rows) != len(arrays["gone"]):
                raise ValueError("it is of another generation")
        except (KeyError, ValueError) as error:
            raise DamagedIndexError(f"cannot read {path}: {error}") from error
        self._bury(rows)

    def __len__(self) -> int:
        return len(self._base) - self._gone_count() + len(self._delta)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        base = self._base.ids if self._gone is None else self._base.ids[~self._gone]
        ids: list[int] = np.sort(np.concatenate([base, self._delta.ids])).tolist()
        return ids

    # -- changing ----------------------------------------------------------------------------

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
        self.remove(ids)
        self._delta.add(rows, Payloads.of(added, payloads))
        self._altered()

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets these ids; one that is not there is no error."""
        gone = np.asarray(ids, dtype=np.int64)
        rows = self._base.rows_of(gone)
        if self._gone is not None:
            rows = rows[~self._gone[rows]]
        if self._delta.remove(gone) or len(rows):
            self._bury(rows)
            self._altered()

    def _bury(self, rows: RowNumbers) -> None:
        if len(rows):
            gone = np.zeros(len(self._base), bool) if self._gone is None else self._gone.copy()
            gone[rows] = True
            self._gone = gone

    def _gone_count(self) -> int:
        return 0 if self._gone is None else int(np.count_nonzero(self._gone))

    def _altered(self) -> None:
        self._changed = True
        self._kept.clear()

    # -- searching ---------------------------------------------------------------------------

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits that satisfy `where`, best first, ties by id."""
        rows = checked_embeddings(queries, dim=self._dim)
        if k < 1 or not len(self):
            return [[] for _ in rows]
        allowed, mask, most = None, None, len(self)
        if where:
            allowed, mask = self._allowed(where)
            most = allowed.number + int(np.count_nonzero(mask))
        living = len(self._base) - self._gone_count() if allowed is None else allowed.number
        search = Search(
            self._base,
            self._delta,
            Nearest(self._base, self._scanner, self._searching),
            self._scanner,
            self._gone,
            allowed,
            mask,
            living,
            most,
        )
        return search.hits(rows, k)

    def _allowed(self, where: Filter) -> tuple[Allowed, npt.NDArray[np.bool_]]:
        """What a filter lets through; kept, as a user asks several questions with one."""
        if where not in self._kept:
            mask = self._base.payloads.mask(where)
            if self._gone is not None:
                mask &= ~self._gone
            allowed = Allowed(self._base, mask)
            self._kept[where] = allowed, self._delta.payloads.mask(where)
            while len(self._kept) > 1 and (
                len(self._kept) > _FILTERS_KEPT or self._copied() > COPIED_VALUES
            ):
                self._kept.popitem(last=False)
        self._kept.move_to_end(where)
        return self._kept[where]

    def _copied(self) -> int:
        """Bytes that are or may be copied out for the kept filters."""
        sizes = [allowed.number * self._dim for allowed, _ in self._kept.values()]
        return sum(size for size in sizes if size <= COPIED_VALUES)

    # -- lasting -----------------------------------------------------------------------------

    def needs_optimizing(self) -> bool:
        """Whether there is no structure for so many vectors yet, or too much changed since."""
        kind = self._building.kind_for(len(self))
        return kind in APPROXIMATE and (self._base.kind != kind or self._much_changed())

    def optimize(self) -> None:
        """Writes all vectors into a new generation, with what makes searching them fast.

        The files of the last commit stay; stopped at any time, nothing has changed.
        """
        self._renew(self._building.kind_for(len(self)))

    def commit(self) -> Mapping[str, str]:
        """Writes what changed beside what was committed before, if anything changed.

        Raises:
            StorageError: the disk is full or the folder cannot be written; the old
                files and what is in memory are as before.
        """
        if self._changed:
            kind = self._building.kind_for(len(self))
            slow = {self._base.kind, kind} & APPROXIMATE
            if self._base.kind in APPROXIMATE or not self._much_changed():
                self._files = {**self._base.files, **self._written_delta()}
            else:
                self._renew(FLAT if slow else kind)
            sync(self._folder)
            self._changed = False
        return dict(self._files)

    def _much_changed(self) -> bool:
        changed = len(self._delta) + self._gone_count()
        return not len(self._base) or changed > CHANGED_SHARE * len(self._base)

    def _written_delta(self) -> dict[str, str]:
        if not len(self._delta) and self._gone is None:
            return {}
        gone = self._base.ids[self._gone] if self._gone is not None else np.empty(0, np.int64)
        path = self._folder / f"{_DELTA}{self._unused():06}.npz"
        return {path.name: save_arrays(path, {"gone": gone, **self._delta.arrays()})}

    def _renew(self, kind: str) -> None:
        parts = [Part(self._delta.vectors, self._delta.payloads)]
        if len(self._base):
            keep = None if self._gone is None else ~self._gone
            parts.insert(0, Part(self._base.vectors, self._base.payloads, keep))
        files = write(self._folder, f"base-{self._unused():06}", parts, kind, self._building)
        base = Generation(self._folder, self._dim, files)
        self._base.close()
        self._base, self._delta, self._gone = base, Delta(self._dim), None
        self._files = files
        self._kept.clear()
        self._changed = True

    def _unused(self) -> int:
        numbers = [int(m[1]) for p in self._folder.iterdir() if (m := _NUMBERED.match(p.name))]
        return 1 + max(numbers, default=0)

    def facts(self) -> Mapping[str, Any]:
        """How the vectors are kept."""
        return {
            "type": self._base.kind,
            "generation": len(self._base),
            "added_since": len(self._delta),
            "removed_since": self._gone_count(),
            "bytes": sum((self._folder / name).stat().st_size for name in self._files),
        }

    def close(self) -> None:
        """Frees the memory; what was not committed is lost. May be called twice."""
        self._scanner.close()
        self._base.close()
        self._base, self._delta = Generation(self._folder, self._dim, {}), Delta(self._dim)
        self._gone = None
        self._kept.clear()
