"""Generation: vectors that do not change any more, in files that many processes map."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codeindex.errors import DamagedIndexError
from codeindex.vectors import Embeddings
from codeindex_faiss import files as files_module
from codeindex_faiss import structures
from codeindex_faiss.payloads import Ids, Payloads, load_arrays, save_arrays
from codeindex_faiss.rows import VectorRows, blocks_of, write_rows
from codeindex_faiss.structures import FLAT, Building, Structure

_VECTORS, _IDS, _PAYLOAD, _STRUCTURE = ".vectors.npy", ".ids.npy", ".payload.npz", ".faiss"


@dataclass(frozen=True)
class Part:
    """Vectors (n, dim) with payloads (n,), of which some are to be kept."""

    vectors: Embeddings
    payloads: Payloads
    keep: npt.NDArray[np.bool_] | None = None


class Generation:
    """n vectors, by ascending id; row i is the vector of ``ids[i]``.

    Attributes:
        files: name → SHA-256 of what it consists of.
        structure: what makes searching it fast; None: every vector is looked at.
    """

    def __init__(self, folder: Path, dim: int, files: Mapping[str, str]) -> None:
        """Opens what `write` wrote; without files, an empty one.

        Raises:
            DamagedIndexError: a file is missing or holds something else.
        """
        self.files = dict(files)
        self._folder = folder
        self._payloads: Payloads | None = None
        self.structure: Structure | None = None
        self.rows: VectorRows | None = None
        self.ids: Ids = np.empty(0, np.int64)
        if not files:
            self._payloads = Payloads.of([], [])
            return
        self.rows = VectorRows(self._path(_VECTORS), dim)
        self.ids = _mapped_ids(self._path(_IDS), len(self.rows))
        name = next((name for name in files if name.endswith(_STRUCTURE)), None)
        if name is not None:
            kind = name.removesuffix(_STRUCTURE).rpartition(".")[2]
            self.structure = structures.open_structure(folder / name, kind, dim, len(self.rows))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def kind(self) -> str:
        """Of its structure, ``flat`` where it has none."""
        return self.structure.kind if self.structure is not None else FLAT

    @property
    def vectors(self) -> Embeddings:
        """All of them, as a memory map."""
        assert self.rows is not None  # noqa: S101 - an empty one is not asked
        return self.rows.mapped

    @property
    def payloads(self) -> Payloads:
        """Of all rows; read when they are first needed.

        Raises:
            DamagedIndexError: the file holds something else.
        """
        if self._payloads is None:
            path = self._path(_PAYLOAD)
            try:
                self._payloads = Payloads.from_arrays(load_arrays(path))
            except ValueError as error:
                raise DamagedIndexError(f"cannot read {path}: {error}") from error
            if not np.array_equal(self._payloads.ids, self.ids):
                raise DamagedIndexError(f"{path} is of other vectors")
        return self._payloads

    def rows_of(self, ids: Ids) -> npt.NDArray[np.int64]:
        """Rows of those ids that are there."""
        places = np.searchsorted(self.ids, ids)
        places[places == len(self.ids)] = 0
        return places[self.ids[places] == ids] if len(self.ids) else np.empty(0, np.int64)

    def close(self) -> None:
        """Closes its files."""
        if self.rows is not None:
            self.rows.close()

    def _path(self, ending: str) -> Path:
        for name in self.files:
            if name.endswith(ending):
                return self._folder / name
        raise DamagedIndexError(f"the vector index has no file {ending}")


def write(
    folder: Path, stem: str, parts: Sequence[Part], kind: str, building: Building
) -> dict[str, str]:
    """Writes a generation of all the vectors of some parts; name → SHA-256.

    Args:
        stem: the beginning of the names of its files; there are none with it yet.
        kind: of the structure, ``flat`` for none.

    Raises:
        StorageError: it cannot be written.
    """
    files: dict[str, str] = {}
    try:
        _write_all(files, folder, stem, parts, kind, building)
    except BaseException:
        for name in files:
            (folder / name).unlink(missing_ok=True)
        raise
    return files


def _write_all(
    files: dict[str, str],
    folder: Path,
    stem: str,
    parts: Sequence[Part],
    kind: str,
    building: Building,
) -> None:
    payloads = Payloads.joined(
        [part.payloads if part.keep is None else part.payloads.take(part.keep) for part in parts]
    )
    dim = parts[0].vectors.shape[1]
    order = np.argsort(payloads.ids, kind="stable")
    sorted_already = bool((order[:-1] < order[1:]).all())
    blocks = _blocks(parts) if sorted_already else _in_order(parts, order)
    payloads = payloads if sorted_already else payloads.take(order)
    path = folder / f"{stem}{_VECTORS}"
    files[path.name] = write_rows(path, len(payloads), dim, blocks)
    path_of_ids = folder / f"{stem}{_IDS}"
    files[path_of_ids.name] = _write_ids(path_of_ids, payloads.ids)
    target = folder / f"{stem}{_PAYLOAD}"
    files[target.name] = save_arrays(target, payloads.arrays())
    if kind != FLAT and len(payloads):
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        sample = np.asarray(rows[structures.sample_rows(len(rows))])
        made = structures.build(kind, building, sample, blocks_of(rows), len(rows))
        target = folder / f"{stem}.{kind}{_STRUCTURE}"
        files[target.name] = made.write(target)


def _blocks(parts: Sequence[Part]) -> Iterator[Embeddings]:
    for part in parts:
        yield from blocks_of(part.vectors, part.keep)


def _in_order(parts: Sequence[Part], order: npt.NDArray[np.int64]) -> Iterator[Embeddings]:
    """Blocks of the vectors of several parts, in another order."""
    kept = [
        np.arange(len(part.vectors)) if part.keep is None else np.flatnonzero(part.keep)
        for part in parts
    ]
    ends = np.cumsum([len(rows) for rows in kept])
    starts = ends - [len(rows) for rows in kept]
    for start in range(0, len(order), 16_384):
        chosen = order[start : start + 16_384]
        block = np.empty((len(chosen), parts[0].vectors.shape[1]), dtype=np.float32)
        for part, rows, first, end in zip(parts, kept, starts, ends, strict=True):
            here = (chosen >= first) & (chosen < end)
            block[here] = part.vectors[rows[chosen[here] - first]]
        yield block


def _write_ids(path: Path, ids: Ids) -> str:
    buffer = io.BytesIO()
    np.save(buffer, ids, allow_pickle=False)
    return files_module.write(path, lambda put: put(buffer.getvalue()))


def _mapped_ids(path: Path, number: int) -> Ids:
    try:
        ids: Ids = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DamagedIndexError(f"cannot read {path}: {error}") from error
    if ids.dtype != np.int64 or ids.shape != (number,):
        raise DamagedIndexError(f"{path} holds {ids.shape} ids, not {number}")
    return ids
