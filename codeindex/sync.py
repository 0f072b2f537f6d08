"""The steps that bring a backend to what the catalog says: open checked, apply, commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError, PluginError, StorageError
from codeindex.guarded import GuardedBackend
from codeindex.host import Host
from codeindex.interfaces import IndexBackend
from codeindex.vectors import VectorSpace

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class BackendPlace:
    """Which backend an index uses, and where it keeps its files.

    Attributes:
        index: what the index is, for a backend that is `SelfContained`.
        with_snippets: payloads are to carry their snippets.
    """

    name: str
    options: Mapping[str, Any]
    folder: Path
    space: VectorSpace
    index: Mapping[str, Any]
    with_snippets: bool


def open_backend(
    host: Host, place: BackendPlace, files: Mapping[str, str], trusted: Mapping[str, Any]
) -> GuardedBackend:
    """Opens the backend as last committed, after checking its files.

    Args:
        files: name → SHA-256, from the catalog; empty for a new backend.
        trusted: name → size and time that a file had when its digest was taken. One that
            still has both is not read to be checked again, as git does not read what its
            index says is unchanged; an empty mapping has every file read.

    Raises:
        DamagedIndexError: a file is missing or is not what was written.
        UsageError: what its options name belongs to another index.
        UnavailableError: its server cannot be reached.
    """
    for name, digest in files.items():
        path = place.folder / name
        try:
            if stamp(path) == trusted.get(name):
                continue
            actual = _sha256(path)
        except OSError as error:
            raise DamagedIndexError(f"cannot read {path}: {error.strerror or error}") from error
        if actual != digest:
            raise DamagedIndexError(f"{path} is not what was written (its digest differs)")
    if not place.folder.is_dir():
        try:
            place.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {place.folder}: {error.strerror or error}") from error
    offer = host.backends.get(place.name)
    try:
        made = host.make(
            offer,
            "backend",
            place.options,
            lambda options: offer.spec.open(options, place.folder, place.space, files),
        )
    except FileNotFoundError as error:  # a writer has replaced it meanwhile
        raise DamagedIndexError(f"cannot open {place.folder}: a file has vanished") from error
    backend = GuardedBackend(made, offer)
    try:
        backend.describe(place.index)
    except BaseException:
        backend.close()
        raise
    return backend


def open_empty(host: Host, place: BackendPlace) -> GuardedBackend:
    """A backend without any vector; what was there before is deleted."""
    for path in _files(place.folder):
        path.unlink(missing_ok=True)
    backend = open_backend(host, place, {}, {})
    backend.remove(backend.ids())  # a backend that keeps its data elsewhere has some still
    return backend


def apply(
    catalog: Catalog, backend: IndexBackend, encoder: int, place: BackendPlace, after: int
) -> int:
    """Applies outbox rows after number `after`: adds first, then removes. Safe to repeat.

    Nothing is durable before `commit`.

    Returns:
        The number of the last row that was applied.
    """
    pending = catalog.pending(after)
    if not pending:
        return after
    removed = {row.snippet for row in pending if row.operation == "remove"}
    added = [row.snippet for row in pending if row.operation == "add"]
    add(catalog, backend, encoder, place, [id for id in added if id not in removed])
    backend.remove(sorted(removed))
    return pending[-1].seq


def add(
    catalog: Catalog,
    backend: IndexBackend,
    encoder: int,
    place: BackendPlace,
    ids: Sequence[int],
) -> None:
    """Adds snippets with the vectors that the catalog has of them; nothing is embedded."""
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        present, vectors = catalog.vectors(encoder, place.space.dim, chunk)
        payloads = catalog.payloads(present)
        if place.with_snippets:
            snippets = catalog.snippets(present)
            payloads = {id: replace(payloads[id], snippet=snippets[id]) for id in present}
        if present:
            backend.add(present, vectors, [payloads[id] for id in present])


def commit(catalog: Catalog, backend: IndexBackend, place: BackendPlace, up_to: int) -> None:
    """Makes the backend durable, then marks the outbox rows up to `up_to` done."""
    files = commit_files(backend, place)
    with catalog.transaction():
        catalog.set_manifest(files)
        catalog.done(up_to)
    tidy(place.folder, files["backend_files"])


def commit_files(backend: IndexBackend, place: BackendPlace) -> dict[str, Any]:
    """Makes the backend durable; what the manifest is to say of its files.

    Raises:
        PluginError: it names a file outside its folder.
    """
    files = dict(backend.commit())
    for name in files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise PluginError(f"backend {place.name!r} names a file outside its folder: {name!r}")
    stamps = {name: stamp(place.folder / name) for name in files}
    return {
        "backend_files": files,
        "backend_stamps": stamps,
        "backend_keeps_snippets": place.with_snippets,
    }


def tidy(folder: Path, files: Mapping[str, str]) -> None:
    """Deletes what is of an earlier generation, or of a run that was killed."""
    keep = {folder / name for name in files}
    for path in _files(folder):
        if path not in keep and files:
            # Windows keeps a file that a reader has open: it goes with a later commit.
            with suppress(OSError):
                path.unlink()
    for path in sorted(folder.glob("**/"), reverse=True):
        if path != folder:  # a read-only index opens its backend in it
            with suppress(OSError):  # not empty
                path.rmdir()


def untouched(place: BackendPlace, stamps: Mapping[str, Any]) -> bool:
    """Whether every file has the size and time that it had when it was committed."""
    try:
        return all(stamp(place.folder / name) == known for name, known in stamps.items())
    except OSError:
        return False


def stamp(path: Path) -> list[int]:
    """Size and time of a file."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/*") if path.is_file()] if folder.exists() else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
