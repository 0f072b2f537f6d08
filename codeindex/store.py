"""Store: an index folder on disk; catalog and backend opened together and kept in step."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from codeindex import __version__
from codeindex.catalog.catalog import Catalog
from codeindex.derived import DerivedIndex
from codeindex.errors import (
    DamagedIndexError,
    IndexLockedError,
    NotFoundError,
    StorageError,
    UsageError,
)
from codeindex.host import Host
from codeindex.interfaces import IndexBackend
from codeindex.location import CATALOG, check_own, clear, is_index, kept_root, make_folder
from codeindex.locking import PATIENCE, writing
from codeindex.snippet import Snippet


class Store:
    """The folder of one index. Not shared between threads."""

    def __init__(
        self,
        folder: Path,
        host: Host,
        root: Path,
        backend: str | None,
        backend_options: Mapping[str, Any],
    ) -> None:
        """Opens the catalog for reading, if there is one.

        Args:
            root: of the sources, for a new index; an old one knows its own.
            backend: name, or None for the one the index has.
            backend_options: its option values; those of an index only change where the
                backend declares them changeable.

        Raises:
            UsageError: the index was built with another backend or other options.
            IndexStateError: the catalog cannot be read.
        """
        self.folder = folder
        self.host = host
        self.root = root
        self._catalog: Catalog | None = None
        self._writable = False
        self._closed = False
        self.derived = DerivedIndex(host, folder, backend, backend_options)
        if is_index(folder):
            self._catalog = Catalog(folder / CATALOG, readonly=True)
            manifest = self._catalog.manifest()
            self.root = Path(os.path.normpath(folder / manifest.get("root", "..")))
            self.derived.choice.check(manifest)

    @property
    def catalog(self) -> Catalog:
        """The catalog.

        Raises:
            NotFoundError: the index was not made yet.
        """
        if self._closed:
            raise UsageError(f"this index ({self.folder}) was closed; open it again")
        if self._catalog is None:
            raise NotFoundError(f"no index at {self.folder}; make one with: codeindex index PATH")
        return self._catalog

    @property
    def exists(self) -> bool:
        """Whether there is an index."""
        return self._catalog is not None

    def manifest(self) -> dict[str, Any]:
        """The catalog's manifest; empty for an index not made yet."""
        return self._catalog.manifest() if self._catalog is not None else {}

    def close(self) -> None:
        """Ends the use of the index. May be called twice."""
        self._free()
        self._closed = True

    def _free(self) -> None:
        self.close_backend()
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None
            self._writable = False

    def snippets(self, ids: Sequence[int]) -> dict[int, Snippet]:
        """Snippets by id; those that a writer has removed meanwhile are left out.

        Raises:
            DamagedIndexError: the backend knows one that the catalog lacks, and no writer was
                at work: a damaged catalog must not give fewer answers in silence.
        """
        found = self.catalog.snippets(ids)
        if len(found) < len(ids):
            with self.catalog.snapshot():
                settled = not self.catalog.count("outbox")
                settled &= self.derived.current(self.catalog.manifest()) is not None
            if settled:
                raise DamagedIndexError(
                    f"{len(ids) - len(found)} vectors of the index at {self.folder} belong to no"
                    " snippet in its catalog; see what is wrong with: codeindex verify"
                )
        return found

    # -- writing ----------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, patience: float = PATIENCE) -> Iterator[Catalog]:
        """The catalog, writable, under the writer's lock. Makes the index if there is none.

        Args:
            patience: seconds to wait for the lock.

        Raises:
            IndexLockedError: another process is writing.
            StorageError: the folder cannot be written.
            UsageError: a new index is to stand among other files.
        """
        made = not is_index(self.folder)
        if made:
            # Before the folder is made: an unknown backend must leave no index behind.
            self.derived.choice.of({})
            check_own(self.folder)
        make_folder(self.folder)
        with writing(self.folder, patience=patience):
            self._open_writable()
            try:
                yield self.catalog
            finally:
                # Also after an error: a first run that stored nothing leaves nothing behind,
                # least of all the choice of an encoder that does not work.
                if made and self._catalog is not None and not self.catalog.count("sources"):
                    self._free()
                    clear(self.folder)

    @contextmanager
    def locked_if_writable(self) -> Iterator[None]:
        """Keeps writers out while something is read twice; a read-only folder has none.

        Raises:
            IndexLockedError: another process is writing.
        """
        lock = writing(self.folder)
        try:
            lock.__enter__()
        except StorageError:
            yield
            return
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def _open_writable(self) -> None:
        if self._writable:
            return
        if self._catalog is not None:
            self._catalog.close()
        path = self.folder / CATALOG
        self._catalog = (
            Catalog(path) if is_index(self.folder) else Catalog.create(path, self._new())
        )
        self._writable = True

    def _new(self) -> dict[str, Any]:
        """The manifest of an index that is made now."""
        name, options = self.derived.choice.of({})
        return {
            "id": uuid4().hex,
            "created_at": time.time(),
            "created_by": __version__,
            "root": kept_root(self.root, self.folder),
            "backend": {"name": name, "options": options},
        }

    # -- the backend ------------------------------------------------------------------------

    def backend(self) -> IndexBackend:
        """The backend as last committed. Opened once, and again after another process wrote.

        A damaged one is rebuilt from the catalog, changes that have not reached it are
        applied, where the index can be written.

        Raises:
            DamagedIndexError: it is damaged, and another process holds the lock or the
                folder is read-only.
            IndexLockedError: another process is making the index for the first time.
            StorageError: it was never finished, and the folder is read-only.
        """
        manifest = self.manifest()
        files = manifest.get("backend_files")
        backend = self.derived.current(manifest) if files is not None else None
        if backend is not None:
            return backend
        self.derived.close()
        if files is None or self.catalog.count("outbox"):
            try:
                with self.writing(patience=0):
                    self.bring_up_to_date()
            except (IndexLockedError, StorageError) as hindrance:
                # What is committed can be searched. Where nothing is, an empty index would
                # say that nothing was found.
                if self.manifest().get("backend_files") is None:
                    raise type(hindrance)(
                        f"the index at {self.folder} cannot be searched yet, it was never"
                        f" finished: {hindrance}"
                    ) from hindrance
            # The lock is free again: opening may take long, and a writer may be waiting.
            backend = self.derived.current(self.manifest())
            if backend is not None:
                return backend
        try:
            return self.derived.open(self.catalog)
        except DamagedIndexError as damage:
            return self._after_damage(damage)

    def _after_damage(self, damage: DamagedIndexError) -> IndexBackend:
        try:
            # A writer may just have put a new generation in place of the one we looked for.
            return self.derived.open(self.catalog)
        except DamagedIndexError:
            pass
        try:
            with self.writing(patience=0):
                self.derived.mend(self.catalog)
        except (IndexLockedError, StorageError) as hindrance:
            raise DamagedIndexError(
                f"{damage}; it could not be rebuilt now: {hindrance}"
            ) from damage
        return self.backend()

    def bring_up_to_date(self) -> None:
        """Makes the backend hold what the catalog says. To be called inside `writing`."""
        self.derived.bring_up_to_date(self.catalog)

    def close_backend(self) -> None:
        """Closes the backend, if it is open."""
        self.derived.close()
