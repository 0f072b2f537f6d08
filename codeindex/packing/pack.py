"""Writes a pack: an index, its encoder and their licences in one file."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from codeindex import __version__
from codeindex.errors import DamagedIndexError, NotFoundError, StorageError, UsageError
from codeindex.files import replacing, scratch_beside
from codeindex.host import Host
from codeindex.location import CATALOG
from codeindex.packing.bundles import bundle_files, bundle_licence, bundle_of
from codeindex.packing.format import (
    BACKEND,
    ENCODER,
    PACK_MANIFEST,
    Entry,
    PackManifest,
)
from codeindex.packing.names import names_fault
from codeindex.packing.snapshot import Copied, Snapshot, packed_catalog, snapshot
from codeindex.store import Store

if TYPE_CHECKING:
    from codeindex.indexing import Progress

_CHUNK = 1 << 20
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP knows: packs of one state are equal
_PLAIN_FILE = 0o100644 << 16
_DEFLATED = frozenset({"", ".json", ".md", ".sqlite", ".txt"})
"""Suffixes of what is worth compressing; vectors and weights are not."""


@dataclass(frozen=True, slots=True)
class PackReceipt:
    """What was packed.

    Attributes:
        file: the pack.
        bytes: its size.
        manifest: its list of entries.
    """

    file: Path
    bytes: int
    manifest: PackManifest

    @property
    def with_encoder(self) -> bool:
        """Whether the encoder is in it."""
        return bool(self.manifest.named(ENCODER))

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "file": str(self.file),
            "bytes": self.bytes,
            "entries": len(self.manifest.entries),
            "with_encoder": self.with_encoder,
            "index": dict(self.manifest.index),
            "licences": [
                {"of": item.of, "licence": item.licence, "files": list(item.files)}
                for item in self.manifest.licences
            ],
        }


def pack(
    folder: Path,
    target: Path,
    host: Host,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> PackReceipt:
    """Packs the index in `folder` into the file `target`, which is there whole or not at all.

    A writer may be at work: the index is packed as of its last commit.

    Args:
        replace: `target` may be there already.
        progress: told of bytes.

    Raises:
        UsageError: `target` is there, the index is not finished, or its vectors are kept
            elsewhere than in its folder.
        EncoderMismatch: the encoder bundle is not the one that the index was built with.
        DamagedIndexError: the vector index is not what was written.
        IndexLockedError: see `snapshot`.
        StorageError: no space left, or the folder cannot be written.
    """
    if target.exists() and not replace:
        raise UsageError(f"{target} is there already; replace it with --overwrite, or name another")
    if not target.absolute().parent.is_dir():
        raise NotFoundError(f"no such folder: {target.absolute().parent}")
    store = Store(folder, host, folder.parent, None, {})
    with closing(store):
        _check_backend(store)
        bundle = None
        if store.manifest().get("encoder"):
            bundle = bundle_of(store.manifest(), store.folder, host)
        with snapshot(store) as taken, _no_space(target), replacing(target) as draft:
            manifest = _write(taken, bundle, target, draft, progress)
    return PackReceipt(target, target.stat().st_size, manifest)


def _check_backend(store: Store) -> None:
    name = store.derived.choice.of(store.manifest())[0]
    if store.host.backends.get(name).spec.attach is not None:
        raise UsageError(
            f"the vectors of this index are kept by the backend {name!r}, not in its folder;"
            f" copy it first: codeindex copy {store.folder} --to faiss -o DIR, then pack DIR"
        )


@contextmanager
def _no_space(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error


def _write(
    taken: Snapshot, bundle: Path | None, target: Path, draft: Path, progress: Progress | None
) -> PackManifest:
    with ExitStack() as stack:
        files = {BACKEND + name: taken.files[name] for name in sorted(taken.files)}
        for name in bundle_files(bundle) if bundle else []:
            files[ENCODER + name] = stack.enter_context((bundle / name).open("rb"))  # type: ignore[operator]
        # The catalog is copied; then every file is read twice: for its digest, to be written.
        total = 3 * taken.catalog.size() + 2 * sum(map(_size, files.values()))
        copied = _meter(total, progress)
        scratch = stack.enter_context(scratch_beside(target))
        catalog = packed_catalog(taken, scratch, bundle is not None, copied)
        files = {CATALOG: stack.enter_context(catalog.open("rb")), **files}
        fault = names_fault(files)
        if fault:
            raise UsageError(f"this index cannot be packed: {fault}")
        manifest = PackManifest(
            __version__,
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            _in_short(taken),
            [bundle_licence(bundle)] if bundle else [],
            [_entry(name, file, copied) for name, file in files.items()],
        )
        _check_digests(manifest, taken.manifest["backend_files"])
        _write_zip(draft, manifest, files, copied)
    return manifest


def _meter(total: int, progress: Progress | None) -> Copied:
    done = 0

    def copied(size: int) -> None:
        nonlocal done
        done = min(total, done + size)
        if progress is not None:
            progress(done, total)

    return copied


def _in_short(taken: Snapshot) -> dict[str, Any]:
    """What the index is, for people who look into a pack."""
    manifest, catalog = taken.manifest, taken.catalog
    encoder = manifest["encoder"]
    return {
        "id": manifest.get("id"),
        "sources": catalog.count("sources"),
        "snippets": catalog.count("snippets"),
        "pending_changes": catalog.count("outbox"),
        "updated_at": manifest.get("updated_at"),
        "encoder": {key: encoder[key] for key in ("name", "title", "fingerprint", "dim")},
        "backend": manifest["backend"]["name"],
    }


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _entry(name: str, file: IO[bytes], copied: Copied) -> Entry:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(file):
        digest.update(chunk)
        size += len(chunk)
        copied(len(chunk))
    return Entry(name, size, digest.hexdigest())


def _check_digests(manifest: PackManifest, written: Mapping[str, str]) -> None:
    for name, entry in manifest.named(BACKEND).items():
        if entry.sha256 != written[name]:
            raise DamagedIndexError(
                f"{name} of the vector index is not what was written (its digest differs);"
                " make it anew with: codeindex verify --repair"
            )


def _write_zip(
    target: Path, manifest: PackManifest, files: Mapping[str, IO[bytes]], copied: Copied
) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(_info(PACK_MANIFEST), manifest.to_bytes())
        for entry in manifest.entries:
            info = _info(entry.name)
            info.file_size = entry.size  # ZIP64 where it is needed
            digest = hashlib.sha256()
            with archive.open(info, "w") as out:
                for chunk in _chunks(files[entry.name]):
                    digest.update(chunk)
                    out.write(chunk)
                    copied(len(chunk))
            if digest.hexdigest() != entry.sha256:
                raise DamagedIndexError(f"{entry.name} was changed while it was packed; try again")


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _LONG_AGO)
    info.create_system = 3  # Unix, on every system
    info.external_attr = _PLAIN_FILE
    if Path(name).suffix in _DEFLATED and not name.startswith(BACKEND):
        info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk
