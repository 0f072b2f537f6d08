"""DerivedIndex: the backend of an index, opened when needed, kept in step with the catalog."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex import sync
from codeindex.backend_choice import BackendChoice, folder_name
from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError
from codeindex.finishing import finishing_command
from codeindex.guarded import GuardedBackend
from codeindex.host import Host

if TYPE_CHECKING:
    from codeindex.indexing import Progress

_PART = 4096  # vectors between two signs of progress


class DerivedIndex:
    """What can always be made again from the catalog's vectors."""

    def __init__(
        self, host: Host, folder: Path, name: str | None, options: Mapping[str, Any]
    ) -> None:
        """Takes the index folder and what the user asked for; None: what the index has."""
        self.choice = BackendChoice(host, folder, name, options)
        self._host = host
        self._folder = folder
        self._backend: GuardedBackend | None = None
        self._opened: tuple[Any, Any] | None = None  # the `_generation` that is open
        self._applied = 0  # number of the last outbox row that the open backend has
        self._unfinished = False  # it was made anew and never committed

    def place(self, catalog: Catalog) -> sync.BackendPlace:
        """Which backend, where, and for vectors of which space."""
        return self.choice.place(catalog.manifest())

    # -- reading ----------------------------------------------------------------------------

    def current(self, manifest: Mapping[str, Any]) -> GuardedBackend | None:
        """The open backend, if it is the one that the catalog says."""
        return self._backend if self._opened == _generation(manifest) else None

    def open(self, catalog: Catalog) -> GuardedBackend:
        """Opens the backend as last committed.

        Raises:
            DamagedIndexError: it is not as it was written, or was never finished.
        """
        self.close()
        manifest = catalog.manifest()
        files = manifest.get("backend_files")
        if files is None:  # opened without files, it would be an empty one
            raise self._never_finished(manifest)
        stamps = manifest.get("backend_stamps") or {}
        self._backend = sync.open_backend(self._host, self.place(catalog), files, stamps)
        self._opened = _generation(manifest)
        return self._backend

    def glance(self, catalog: Catalog) -> tuple[int, Mapping[str, Any]]:
        """How many vectors the backend holds as last committed, and its facts.

        Nothing is made anew, and files that look untouched are not read.

        Raises:
            DamagedIndexError: it is not as it was written, or was never finished.
            UnavailableError: its server cannot be reached.
        """
        manifest = catalog.manifest()
        files = manifest.get("backend_files")
        if files is None:
            raise self._never_finished(manifest)
        backend = self.current(manifest)
        if backend is not None:
            return len(backend), backend.facts()
        stamps = manifest.get("backend_stamps") or {}
        backend = sync.open_backend(self._host, self.place(catalog), files, stamps)
        try:
            return len(backend), backend.facts()
        finally:
            backend.close()

    def examine(self, catalog: Catalog, look: Callable[[GuardedBackend], None]) -> None:
        """Runs `look` on the backend exactly as it is on disk, every byte checked.

        Raises:
            DamagedIndexError: it cannot be opened.
        """
        self.close()
        manifest = catalog.manifest()
        files = manifest.get("backend_files")
        if files is None:
            raise self._never_finished(manifest)
        backend = sync.open_backend(self._host, self.place(catalog), files, {})
        try:
            look(backend)
        finally:
            backend.close()

    def _never_finished(self, manifest: Mapping[str, Any]) -> DamagedIndexError:
        return DamagedIndexError(
            "the vector index was never finished: the run that made it is at work, or was stopped;"
            f" go on with: {finishing_command(manifest, self._folder)}"
        )

    # -- writing, under the writer's lock ----------------------------------------------------

    def apply(self, catalog: Catalog) -> None:
        """Gives the backend what the catalog has and it has not; not durable yet."""
        manifest = catalog.manifest()
        if not manifest.get("encoder"):
            return  # nothing was ever embedded
        row = int(manifest["encoder"]["row"])
        files = manifest.get("backend_files")
        backend = self.current(manifest)
        if backend is None and files is not None:
            if self._nothing_to_do(catalog, manifest):
                return
            try:
                backend = self.open(catalog)
            except DamagedIndexError:
                self.close()
        if backend is None:
            self._start_anew(catalog, row)
            return
        place = self.place(catalog)
        self._applied = sync.apply(catalog, backend, row, place, self._applied)

    def mend(self, catalog: Catalog) -> None:
        """Opens the backend, made anew if it is damaged, and brings it up to date.

        Files that look untouched prove nothing here: a server may hold the vectors.
        """
        manifest = catalog.manifest()
        if manifest.get("encoder") and self.current(manifest) is None:
            try:
                self.open(catalog)
            except DamagedIndexError:
                self._start_anew(catalog, int(manifest["encoder"]["row"]))
        self.bring_up_to_date(catalog)

    def _nothing_to_do(self, catalog: Catalog, manifest: Mapping[str, Any]) -> bool:
        """Whether all was applied and no file was touched since: then it need not be opened."""
        stamps = manifest.get("backend_stamps") or {}
        return not catalog.count("outbox") and sync.untouched(self.place(catalog), stamps)

    def _start_anew(self, catalog: Catalog, row: int) -> None:
        self.close()
        pending = catalog.pending(0)
        place = self.place(catalog)
        self._backend = backend = sync.open_empty(self._host, place)
        self._opened = _generation(catalog.manifest())
        sync.add(catalog, backend, row, place, catalog.snippet_ids())
        self._applied = pending[-1].seq if pending else 0
        self._unfinished = True

    def bring_up_to_date(self, catalog: Catalog) -> None:
        """Makes the backend hold, durably, what the catalog says; a damaged one is made anew.

        What a run that was killed has left in the folder is deleted.
        """
        self.apply(catalog)
        if self._backend is not None and (self._unfinished or catalog.count("outbox")):
            sync.commit(catalog, self._backend, self.place(catalog), self._applied)
            self._opened = _generation(catalog.manifest())
            self._unfinished = False
        manifest = catalog.manifest()
        if manifest.get("encoder") and manifest.get("backend_files") is not None:
            self._tidy(self.place(catalog).folder, manifest["backend_files"])

    def _tidy(self, folder: Path, files: Mapping[str, str]) -> None:
        sync.tidy(folder, files)
        for other in folder.parent.glob("*"):  # of a rebuild
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)

    def needs_optimizing(self) -> bool:
        """Whether `optimize` is worth its time, as far as the open backend tells."""
        return self._backend is not None and self._backend.needs_optimizing()

    def optimize(self, catalog: Catalog) -> bool:
        """Makes searches faster, durably, where the backend can; whether it can.

        To be called when the backend is up to date.
        """
        # Not `or`: one without any vector is false.
        backend = self._backend if self._backend is not None else self.open(catalog)
        if not backend.optimize():
            return False
        sync.commit(catalog, backend, self.place(catalog), self._applied)
        self._opened = _generation(catalog.manifest())
        return True

    def rebuild(
        self,
        catalog: Catalog,
        changes: Mapping[str, Any],
        check: Callable[[GuardedBackend, Mapping[str, Any]], None],
        progress: Progress | None = None,
    ) -> None:
        """Makes a backend anew from the catalog's vectors, and puts it in place of the old one.

        The old one is searched until the new one is whole and has passed `check`.

        Args:
            changes: of the manifest: another ``backend`` or ``encoder``.
            check: gets the new backend and the manifest as it would be; raises to refuse it.
            progress: is told of the vectors that were given to it.
        """
        self.close()
        if "backend" in changes:
            self.choice.forget_options()
        manifest = {**catalog.manifest(), **changes}
        # By name only: the plugin of the old one need not be there any more.
        folder = self.choice.other_folder(manifest, folder_name(catalog.manifest()))
        manifest["backend_folder"] = folder.name
        place = self.choice.place(manifest)
        pending = catalog.pending(0)
        backend = sync.open_empty(self._host, place)
        try:
            row, ids = int(manifest["encoder"]["row"]), catalog.snippet_ids()
            for start in range(0, len(ids), _PART):
                sync.add(catalog, backend, row, place, ids[start : start + _PART])
                if progress is not None:
                    progress(min(start + _PART, len(ids)), len(ids))
            if backend.needs_optimizing():
                backend.optimize()
            check(backend, manifest)
            files = sync.commit_files(backend, place)
        except BaseException:
            backend.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with catalog.transaction():
            catalog.set_manifest({**changes, **files, "backend_folder": folder.name})
            catalog.done(pending[-1].seq if pending else 0)
        self._tidy(folder, files["backend_files"])
        self._backend, self._opened = backend, (folder.name, files["backend_files"])

    def close(self) -> None:
        """Closes the backend, if it is open; what was not committed is lost."""
        if self._backend is not None:
            self._backend.close()
        self._backend = None
        self._opened = None
        self._applied = 0
        self._unfinished = False


def _generation(manifest: Mapping[str, Any]) -> tuple[Any, Any]:
    """What differs between one state of the backend and the next, if it keeps files."""
    return manifest.get("backend_folder"), manifest.get("backend_files")
