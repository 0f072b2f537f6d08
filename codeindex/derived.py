"""DerivedIndex: the backend of an index, opened when needed, kept in step with the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codeindex import sync
from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError, UsageError
from codeindex.host import Host
from codeindex.interfaces import IndexBackend
from codeindex.options import build_options, options_as_json
from codeindex.vectors import VectorSpace

DEFAULT_BACKEND = "faiss"


class DerivedIndex:
    """What can always be made again from the catalog's vectors."""

    def __init__(
        self, host: Host, folder: Path, name: str | None, options: Mapping[str, Any]
    ) -> None:
        """Takes the index folder and what the user asked for; None: what the index has."""
        self._host = host
        self._folder = folder
        self._wanted_name = name
        self._wanted_options = options
        self._backend: IndexBackend | None = None
        self._files: Mapping[str, str] | None = None
        self._applied = 0  # number of the last outbox row that the open backend has
        self._unfinished = False  # it was made anew and never committed

    # -- which backend ----------------------------------------------------------------------

    def choice(self, manifest: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Name and option values of the backend.

        Raises:
            NotFoundError, OptionError, PluginError: there is no such backend or option.
        """
        built_with = manifest.get("backend")
        name = built_with["name"] if built_with else (self._wanted_name or DEFAULT_BACKEND)
        spec = self._host.backends.get(name).spec
        values = {**(built_with["options"] if built_with else {}), **self._wanted_options}
        return name, options_as_json(build_options(spec.options, values, f"backend {name!r}"))

    def check_choice(self, manifest: Mapping[str, Any]) -> None:
        """Refuses another backend than that of the index, or options that cannot change.

        Raises:
            UsageError: it was built with others.
        """
        built_with = manifest.get("backend")
        if not built_with:
            return
        if self._wanted_name not in (None, built_with["name"]):
            raise UsageError(
                f"the index at {self._folder} uses backend {built_with['name']!r},"
                f" not {self._wanted_name!r}; leave --backend out, or make another index"
                " with --index"
            )
        if not self._wanted_options:
            return
        name, options = self.choice(manifest)
        changeable = self._host.backends.get(name).spec.changeable
        fixed = [
            key
            for key, value in built_with["options"].items()
            if options.get(key) != value and key not in changeable
        ]
        if fixed:
            raise UsageError(
                f"{', '.join(fixed)} cannot change after the index was built;"
                f" options of backend {name!r} that can: {', '.join(sorted(changeable)) or 'none'}"
            )

    def place(self, catalog: Catalog) -> sync.BackendPlace:
        """Which backend, where, and for vectors of which space."""
        manifest = catalog.manifest()
        name, options = self.choice(manifest)
        encoder = manifest["encoder"]
        folder = self._folder / "backend" / f"{name}-{encoder['row']}"
        return sync.BackendPlace(name, options, folder, VectorSpace(encoder["dim"]))

    # -- reading ----------------------------------------------------------------------------

    def current(self, files: Mapping[str, str] | None) -> IndexBackend | None:
        """The open backend, if it is the one that the catalog says."""
        return self._backend if files == self._files else None

    def open(self, catalog: Catalog) -> IndexBackend:
        """Opens the backend as last committed.

        Raises:
            DamagedIndexError: it is not as it was written.
        """
        self.close()
        manifest = catalog.manifest()
        files = manifest.get("backend_files") or {}
        stamps = manifest.get("backend_stamps") or {}
        self._backend = sync.open_backend(self._host, self.place(catalog), files, stamps)
        self._files = files
        return self._backend

    def examine(self, catalog: Catalog, look: Callable[[IndexBackend], None]) -> None:
        """Runs `look` on the backend exactly as it is on disk, every byte checked.

        Raises:
            DamagedIndexError: it cannot be opened.
        """
        self.close()
        files = catalog.manifest().get("backend_files")
        if files is None:
            raise DamagedIndexError("the vector index was not finished")
        backend = sync.open_backend(self._host, self.place(catalog), files, {})
        try:
            look(backend)
        finally:
            backend.close()

    # -- writing, under the writer's lock ----------------------------------------------------

    def apply(self, catalog: Catalog) -> None:
        """Gives the backend what the catalog has and it has not; not durable yet."""
        manifest = catalog.manifest()
        if not manifest.get("encoder"):
            return  # nothing was ever embedded
        row = int(manifest["encoder"]["row"])
        files = manifest.get("backend_files")
        backend = self.current(files)
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

    def _nothing_to_do(self, catalog: Catalog, manifest: Mapping[str, Any]) -> bool:
        """Whether all was applied and no file was touched since: then it need not be opened."""
        stamps = manifest.get("backend_stamps") or {}
        return not catalog.count("outbox") and sync.untouched(self.place(catalog), stamps)

    def _start_anew(self, catalog: Catalog, row: int) -> None:
        self.close()
        pending = catalog.pending(0)
        place = self.place(catalog)
        self._backend = backend = sync.open_empty(self._host, place)
        self._files = catalog.manifest().get("backend_files")
        sync.add(catalog, backend, row, place, catalog.snippet_ids())
        self._applied = pending[-1].seq if pending else 0
        self._unfinished = True

    def bring_up_to_date(self, catalog: Catalog) -> None:
        """Makes the backend hold, durably, what the catalog says; a damaged one is made anew."""
        self.apply(catalog)
        if self._backend is None:
            return
        if self._unfinished or catalog.count("outbox"):
            sync.commit(catalog, self._backend, self.place(catalog), self._applied)
            self._files = catalog.manifest().get("backend_files")
            self._unfinished = False

    def rebuild(self, catalog: Catalog) -> None:
        """Makes the backend anew from the catalog's vectors."""
        self._start_anew(catalog, int(catalog.manifest()["encoder"]["row"]))
        self.bring_up_to_date(catalog)

    def close(self) -> None:
        """Closes the backend, if it is open; what was not committed is lost."""
        if self._backend is not None:
            self._backend.close()
        self._backend = None
        self._files = None
        self._applied = 0
        self._unfinished = False
