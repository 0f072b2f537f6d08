"""Snapshot: an index as it was at one moment, however a writer goes on meanwhile."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Any

from codeindex.catalog.catalog import Catalog
from codeindex.catalog.connection import translated
from codeindex.catalog.file import SET_MANIFEST, manifest_row
from codeindex.catalog.word_index import WordIndex
from codeindex.errors import (
    DamagedIndexError,
    IndexLockedError,
    StorageError,
    UsageError,
)
from codeindex.finishing import finishing_command
from codeindex.packing.format import BACKEND_FOLDER, ENCODER
from codeindex.store import Store

_ATTEMPTS = 20
_PAGES = 1024  # copied between two calls of `copied`
_INSTRUCTIONS = 100_000  # of SQLite's machine, between two looks for Ctrl-C

Copied = Callable[[int], object]
"""Is told of each part how many bytes were dealt with."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of an index, to be used inside `snapshot` only.

    Attributes:
        catalog: open for reading; it stays at the moment.
        manifest: the catalog's.
        files: those of the vector index, open, by the names in the manifest; a writer may
            have deleted the names since.
    """

    catalog: _ReadCatalog
    manifest: Mapping[str, Any]
    files: Mapping[str, IO[bytes]]


class _ReadCatalog(Catalog):
    """A catalog open for reading, that can copy itself."""

    def size(self) -> int:
        """Bytes of a copy, about."""
        pages, bytes_each = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        )
        return int(pages * bytes_each)

    def copy_to(self, target: Path, copied: Copied) -> None:
        """Copies it as it is at the moment of the snapshot."""
        done = 0

        def report(status: int, remaining: int, total: int) -> None:
            nonlocal done
            copied((total - remaining - done) * page)
            done = total - remaining

        page = self._connection.execute("PRAGMA page_size").fetchone()[0]
        with _copying(self.path), closing(sqlite3.connect(target)) as copy:
            self._connection.backup(copy, pages=_PAGES, progress=report)


@contextmanager
def snapshot(store: Store) -> Iterator[Snapshot]:
    """The index at this moment, with what was left to do done, where nobody else is writing.

    Raises:
        NotFoundError: there is no index.
        UsageError: it was not finished, or nothing was ever embedded.
        DamagedIndexError: a file of the vector index is missing.
        IndexLockedError: a writer is at work and never stands still.
    """
    manifest = store.catalog.manifest()
    if manifest.get("encoder") and (
        manifest.get("backend_files") is None or store.catalog.count("outbox")
    ):
        with suppress(IndexLockedError, StorageError), store.writing(patience=0):
            store.bring_up_to_date()
            store.close_backend()
    failed: dict[str, Any] | None = None
    for _ in range(_ATTEMPTS):
        with ExitStack() as stack:
            catalog = stack.enter_context(closing(_ReadCatalog(store.catalog.path, readonly=True)))
            stack.enter_context(catalog.snapshot())
            found = catalog.manifest()
            _check_finished(found, store.folder)
            folder = store.derived.place(catalog).folder
            try:
                files = {
                    name: stack.enter_context((folder / name).open("rb"))
                    for name in found["backend_files"]
                }
            except OSError as error:
                # A writer may just have put a newer generation in the place of this one.
                if found == failed:
                    raise DamagedIndexError(
                        f"cannot read {error.filename}: {error.strerror};"
                        " make it anew with: codeindex verify --repair"
                    ) from error
                failed = found
                continue
            yield Snapshot(catalog, found, files)
            return
    raise IndexLockedError(
        f"another process is writing to {store.folder} all the time; wait until it has ended"
    )


def _check_finished(manifest: Mapping[str, Any], folder: Path) -> None:
    if not manifest.get("encoder"):
        raise UsageError(f"the index at {folder} holds no vectors yet")
    if manifest.get("backend_files") is None:
        raise UsageError(
            f"the index at {folder} was not finished, or is being made now;"
            f" finish it with: {finishing_command(manifest, folder)}"
        )


def packed_catalog(taken: Snapshot, folder: Path, bundled: bool, copied: Copied) -> Path:
    """The catalog as it goes into a pack, in `folder`: compact, without log, without places.

    Free pages, and segments of the word index, still hold what was removed from the index:
    it is not to travel.

    Args:
        bundled: the encoder goes into the pack, too.
    """
    draft, target = folder / "draft.sqlite", folder / "packed.sqlite"
    taken.catalog.copy_to(draft, copied)
    with (
        _copying(taken.catalog.path),
        closing(sqlite3.connect(draft, isolation_level=None)) as copy,
    ):
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("PRAGMA synchronous=OFF")
        elsewhere = _elsewhere(taken.manifest, bundled)
        copy.executemany(SET_MANIFEST, [manifest_row(*item) for item in elsewhere.items()])
        # Without it, Ctrl-C would be heeded only at the end.
        copy.set_progress_handler(lambda: 0, _INSTRUCTIONS)
        copy.execute("BEGIN")
        WordIndex(copy).compact()
        copy.execute("COMMIT")
        copy.execute("VACUUM INTO ?", (str(target),))
    draft.unlink()
    return target


@contextmanager
def _copying(source: Path) -> Iterator[None]:
    """SQLite's errors in copying, by what they are about: the copy, or the catalog copied."""
    with translated(source):
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_INTERRUPT":
                raise KeyboardInterrupt from None
            if error.sqlite_errorname.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE")):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise


def _elsewhere(manifest: Mapping[str, Any], bundled: bool) -> dict[str, Any]:
    """What the manifest says in a pack: nothing of where things are on this machine."""
    encoder = dict(manifest["encoder"])
    if bundled and "path" in encoder["options"]:
        encoder["options"] = {**encoder["options"], "path": ENCODER.rstrip("/")}
    changed: dict[str, Any] = {
        "root": "..",
        "encoder": encoder,
        "backend_folder": BACKEND_FOLDER,
        "backend_stamps": {},
    }
    if manifest.get("texts"):
        name = PurePath(manifest["texts"]["input"]).name
        changed["texts"] = {**manifest["texts"], "input": name}
    return changed
