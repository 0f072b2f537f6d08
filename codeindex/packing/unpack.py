"""Makes an index folder of a pack: every byte checked, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex.catalog.catalog import Catalog
from codeindex.errors import NotFoundError, StorageError, UsageError
from codeindex.files import replacing_folder
from codeindex.host import Host
from codeindex.location import CATALOG, make_folder
from codeindex.packing.archive import Pack
from codeindex.packing.bundles import check_packed_bundle, encoder_of_unpacked
from codeindex.packing.check import check_arrays, check_counts
from codeindex.packing.contents import check_index_manifest, plain_catalog
from codeindex.packing.format import BACKEND, ENCODER, PackManifest
from codeindex.sync import stamp

if TYPE_CHECKING:
    from codeindex.indexing import Progress

_SPARE = 16 << 20  # bytes that SQLite may need besides


@dataclass(frozen=True, slots=True)
class UnpackReceipt:
    """What was unpacked.

    Attributes:
        folder: of the index.
        encoder, encoder_options: by what searches will make the encoder.
        with_encoder: it came in the pack.
        manifest: the list of entries.
    """

    folder: Path
    encoder: str
    encoder_options: Mapping[str, Any]
    with_encoder: bool
    manifest: PackManifest

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "index": str(self.folder),
            "encoder": self.encoder,
            "encoder_options": dict(self.encoder_options),
            "with_encoder": self.with_encoder,
            "packed": dict(self.manifest.index),
            "created": self.manifest.created,
        }


def unpack(
    file: Path, folder: Path, host: Host, *, progress: Progress | None = None
) -> UnpackReceipt:
    """Makes the index folder `folder` of a pack. Killed at any instant, it is whole or not there.

    Args:
        progress: told of bytes.

    Raises:
        UsageError: `folder` holds something, `file` is no pack, or its backend is one that
            keeps vectors elsewhere.
        NotFoundError: there is no such file, or its backend or encoder is not installed.
        IndexVersionError: it is of a newer codeindex.
        DamagedIndexError: it is damaged, or holds what no pack holds.
        StorageError: no space left, or the folder cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    _check_free(folder)
    with Pack(file) as opened:
        size = opened.manifest.size
        _check_space(folder.parent, size)
        with _writable(folder), replacing_folder(folder) as draft:
            done = 0

            def copied(count: int) -> None:
                nonlocal done
                done += count
                if progress is not None:
                    progress(done, size)

            make_folder(draft)
            for entry in opened.manifest.entries:
                opened.extract(entry, draft, copied)
            receipt = _settle(opened, draft, folder, host)
            if folder.exists():
                folder.rmdir()  # refuses, where something was put there meanwhile
    return receipt


def _check_free(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is there already, and is no folder; name another")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder")
    if not folder.parent.is_dir():
        raise NotFoundError(f"no such folder: {folder.parent}")


def _check_space(place: Path, size: int) -> None:
    free = shutil.disk_usage(place).free
    if size + _SPARE > free:
        raise StorageError(
            f"no space left to unpack in {place}: {size / 1e6:,.0f} MB are needed,"
            f" {free / 1e6:,.0f} MB are free"
        )


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error


def _settle(opened: Pack, draft: Path, folder: Path, host: Host) -> UnpackReceipt:
    """Checks what was extracted, and has the catalog say where things are now."""
    packed, pack = opened.manifest, opened.path
    values = plain_catalog(draft / CATALOG, pack)
    check_index_manifest(values, packed, pack)
    check_arrays(opened)
    _check_backend(values, host, pack)
    encoder = values["encoder"]
    name, options = encoder["name"], encoder["options"]
    bundle = packed.named(ENCODER)
    if bundle:
        place = draft / ENCODER.rstrip("/")
        check_packed_bundle(place, bundle, values, pack)
        final = folder / ENCODER.rstrip("/")
        name, options = encoder_of_unpacked(place, final, encoder, host)
    files = packed.named(BACKEND)
    stamps = {file: stamp(draft / BACKEND / file) for file in files}
    with closing(Catalog(draft / CATALOG)) as catalog:
        check_counts(catalog, values, packed, pack)
        with catalog.transaction():
            catalog.set_manifest(
                {
                    "root": "..",
                    "encoder": {**encoder, "name": name, "options": options},
                    # A backend that keeps no files of its own is made anew from the catalog.
                    "backend_files": values["backend_files"] or None,
                    "backend_stamps": stamps,
                }
            )
    return UnpackReceipt(folder, name, options, bool(bundle), packed)


def _check_backend(values: Mapping[str, Any], host: Host, pack: Path) -> None:
    name = values["backend"]["name"]
    if host.backends.get(name).spec.attach is not None:
        raise UsageError(
            f"{pack} is refused: its backend {name!r} keeps vectors elsewhere, and a pack must not"
            " say where"
        )
