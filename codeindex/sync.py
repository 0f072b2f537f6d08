"""Brings the vector index to what the catalog says: opens it checked, replays the outbox."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError, PluginError, StorageError
from codeindex.host import Host
from codeindex.interfaces import IndexBackend
from codeindex.vectors import VectorSpace

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class BackendPlace:
    """Which backend an index uses, and where it keeps its files."""

    name: str
    options: Mapping[str, Any]
    folder: Path
    space: VectorSpace


def open_backend(host: Host, place: BackendPlace, files: Mapping[str, str]) -> IndexBackend:
    """Opens the backend as last committed, after checking its files.

    Args:
        files: name → SHA-256, from the catalog; empty for a new backend.

    Raises:
        DamagedIndexError: a file is missing or is not what was written.
    """
    for name, digest in files.items():
        path = place.folder / name
        try:
            actual = _sha256(path)
        except OSError as error:
            raise DamagedIndexError(f"cannot read {path}: {error.strerror or error}") from error
        if actual != digest:
            raise DamagedIndexError(f"{path} is not what was written (its digest differs)")
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {place.folder}: {error.strerror or error}") from error
    offer = host.backends.get(place.name)
    return host.make(
        offer,
        "backend",
        place.options,
        lambda options: offer.spec.open(options, place.folder, place.space, files),
    )


def replay(catalog: Catalog, backend: IndexBackend, encoder: int, place: BackendPlace) -> int:
    """Applies the outbox: adds first, then removes, then marks it done. Safe to repeat.

    Returns:
        How many changes were applied.
    """
    pending = catalog.pending()
    if not pending:
        return 0
    removed = {row.snippet for row in pending if row.operation == "remove"}
    added = [row.snippet for row in pending if row.operation == "add"]
    _add(catalog, backend, encoder, place, [id for id in added if id not in removed])
    backend.remove(sorted(removed))
    _commit(catalog, backend, place, pending[-1].seq)
    return len(pending)


def rebuild(host: Host, catalog: Catalog, encoder: int, place: BackendPlace) -> IndexBackend:
    """Makes the backend anew from the catalog's vectors; nothing is embedded."""
    pending = catalog.pending()
    for path in _files(place.folder):
        path.unlink(missing_ok=True)
    backend = open_backend(host, place, {})
    backend.remove(backend.ids())  # a backend that keeps its data elsewhere has some still
    _add(catalog, backend, encoder, place, catalog.snippet_ids())
    _commit(catalog, backend, place, pending[-1].seq if pending else 0)
    return backend


def _add(
    catalog: Catalog,
    backend: IndexBackend,
    encoder: int,
    place: BackendPlace,
    ids: Sequence[int],
) -> None:
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        present, vectors = catalog.vectors(encoder, place.space.dim, chunk)
        payloads = catalog.payloads(present)
        if present:
            backend.add(present, vectors, [payloads[id] for id in present])


def _commit(catalog: Catalog, backend: IndexBackend, place: BackendPlace, up_to: int) -> None:
    files = dict(backend.commit())
    for name in files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise PluginError(f"backend {place.name!r} names a file outside its folder: {name!r}")
    with catalog.transaction():
        catalog.set_manifest({"backend_files": files})
        catalog.done(up_to)
    keep = {place.folder / name for name in files}
    for path in _files(place.folder):
        if path not in keep and files:
            path.unlink(missing_ok=True)  # of an earlier generation, or of a run that was killed


def discard(folder: Path) -> None:
    """Deletes a backend's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/*") if path.is_file()] if folder.exists() else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
