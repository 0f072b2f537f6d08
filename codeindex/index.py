"""Index: the engine behind the commands, and the Python API."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

# First of all, from a shallow stack: its imports are deep, and CPython 3.11 gives the memory of
# a frame back and takes it again with every call that crosses the end of a stack chunk. From
# within the imports below it takes twice as long.
import numpy as np  # noqa: F401

from codeindex.catalog.catalog import IN_MEMORY, Catalog
from codeindex.encoding import IndexEncoder, embed_missing
from codeindex.errors import (
    DamagedIndexError,
    IndexStateError,
    NotFoundError,
    PluginError,
    StorageError,
    UsageError,
)
from codeindex.filters import Filter
from codeindex.host import Host
from codeindex.interfaces import Encoder, IndexBackend
from codeindex.location import FOLDER, is_index
from codeindex.recipes import refuse_embedded
from codeindex.searching import SearchResult, checked_query, search
from codeindex.snippet import Snippet
from codeindex.store import Store

if TYPE_CHECKING:  # imported where they are needed: a search, in a fresh process, needs none
    from codeindex.indexing import Progress, UpdateOptions
    from codeindex.receipt import Receipt
    from codeindex.verification import Verification

EVERYTHING = Filter()


class Index:
    """A searchable index of code.

    Made with `Index.open`. Reading needs no lock; methods that write take the writer's lock
    while they work. Use it from one thread, and close it, or use ``with``.

    Attributes:
        folder: where it is kept.
        root: what the paths of snippets are relative to.
        host: the plugins it uses.
    """

    def __init__(self, store: Store, encoder: IndexEncoder) -> None:
        """Use `Index.open`."""
        self._store = store
        self._encoder = encoder
        self.folder = store.folder
        self.root = store.root
        self.host = store.host

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] = ".",
        *,
        index: str | os.PathLike[str] | None = None,
        create: bool = False,
        encoder: str | None = None,
        encoder_options: Mapping[str, Any] | None = None,
        backend: str | None = None,
        backend_options: Mapping[str, Any] | None = None,
        host: Host | None = None,
    ) -> Self:
        """Opens the index of a source tree.

        Args:
            path: root of the tree; the index is in ``.codeindex/`` there.
            index: folder of the index, where it is elsewhere.
            create: do not insist that there is one: `update` makes it.
            encoder, encoder_options: of a new index (default ``fast``); an old one refuses
                another encoder than its own, unless for `reencode`.
            backend, backend_options: likewise (default ``faiss``).
            host: plugins; all installed ones by default.

        Raises:
            NotFoundError: there is no index, and `create` is not set.
            IndexStateError: it is damaged, or of a newer version.
            UsageError: it was built with another backend.
        """
        root = Path(os.path.abspath(path))
        if root.is_file():
            root = root.parent
        folder = Path(os.path.abspath(index)) if index is not None else root / FOLDER
        if not create and not is_index(folder):
            raise NotFoundError(f"no index at {folder}; make one with: codeindex index PATH")
        plugins = host or Host.load()
        store = Store(folder, plugins, root, backend, dict(backend_options or {}))
        return cls(store, IndexEncoder(plugins, store, encoder, dict(encoder_options or {})))

    # -- reading ----------------------------------------------------------------------------

    def search(
        self,
        query: str,
        top_k: int = 10,
        *,
        paths: str | Sequence[str] = (),
        languages: str | Sequence[str] = (),
        kinds: str | Sequence[str] = (),
    ) -> list[SearchResult]:
        """The snippets nearest in meaning to `query`, best first.

        Args:
            query: words or code.
            top_k: how many at most.
            paths: globs on the path, see `Filter`.
            languages, kinds: names, see `Filter`.

        Raises:
            UsageError: an empty or far too long query.
            EncoderMismatch: the encoder is not the one that the index was built with.
            IndexStateError: the first run was stopped before it stored anything.
        """
        where = Filter(_each(paths), _each(languages), _each(kinds))
        return self.search_many([query], top_k, where)[0]

    def search_many(
        self, queries: Sequence[str], top_k: int = 10, where: Filter = EVERYTHING
    ) -> list[list[SearchResult]]:
        """`search` for several queries at once: one list of results for each."""
        texts = [checked_query(query) for query in queries]
        manifest = self._store.catalog.manifest()
        if not manifest.get("updated_at") and not self._store.catalog.count("snippets"):
            raise IndexStateError(
                f"the index at {self.folder} holds nothing yet: the run that made it was stopped,"
                " or is at work; finish it with: codeindex index"
            )
        if not manifest.get("encoder"):
            return [[] for _ in texts]  # nothing was ever embedded
        encoder, store = self._encoder.get(), self._store
        try:
            return search(texts, encoder, store.backend(), store, top_k, where)
        except DamagedIndexError:
            # A writer may just have put another state in place of the one that was asked.
            return search(texts, encoder, store.backend(), store, top_k, where)

    def snippets(self, where: Filter = EVERYTHING) -> Iterator[Snippet]:
        """All snippets that satisfy `where`, by path and line."""
        for _, snippet in self._store.catalog.iterate(where):
            yield snippet

    def encoder(self) -> Encoder:
        """The encoder of the index, for texts of your own: same space as its vectors."""
        return self._encoder.get()

    def status(self) -> dict[str, Any]:
        """What is in the index, how old it is and what it was made with, as JSON values.

        The backend is opened as it was committed, and nothing is written: ``drift`` says where
        it does not hold what the catalog does, or cannot be opened; else it is None.
        """
        from codeindex.status import describe_index

        return describe_index(self._store.catalog, self._store.derived, self.folder, self.root)

    def unfinished(self) -> bool:
        """Whether a run has not read all files: it is at work, or was stopped."""
        return bool(self._store.manifest().get("unfinished"))

    # -- writing ----------------------------------------------------------------------------

    def update(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        options: UpdateOptions | None = None,
        *,
        progress: Progress | None = None,
    ) -> Receipt:
        """Brings the index up to date with the files under `paths`; by default, the whole root.

        Only what changed is extracted, only texts never seen before are embedded. What is
        finished stays, whatever happens.

        Raises:
            NotFoundError: a path does not exist.
            UsageError: more than half of the index would go (see `UpdateOptions.drop_most`),
                or it is one that `codeindex embed` has made.
            IndexLockedError: another process is writing.
        """
        from codeindex.indexing import Run, UpdateOptions

        options = options or UpdateOptions()
        if isinstance(paths, str | os.PathLike):
            paths = [paths]
        targets = [Path(os.path.abspath(path)) for path in paths] or [self.root]
        for target in targets:
            if not target.exists():
                raise NotFoundError(f"no such file or folder: {target}")
        refuse_embedded(self._store.manifest(), self.folder)
        self._encoder.check_choice()
        if options.dry_run:
            catalog = self._store.catalog if self._store.exists else Catalog(IN_MEMORY)
            return Run(self.host, catalog, self.root, self._encoder, options).update(targets)
        with self._store.writing() as catalog:
            self._store.bring_up_to_date()  # what a killed run has left to do
            run = Run(self.host, catalog, self.root, self._encoder, options)
            done = False

            def stored() -> None:
                if not catalog.manifest().get("unfinished"):
                    with catalog.transaction():
                        catalog.set_manifest({"unfinished": True})
                # The backend takes each chunk while workers extract the next.
                self._store.derived.apply(catalog)

            try:
                receipt = run.update(targets, progress, stored)
                done = True
            finally:
                self._store.bring_up_to_date()
                with catalog.transaction():
                    finished = {"unfinished": False} if done else {}
                    catalog.set_manifest({"updated_at": time.time(), **finished})
            if options.optimize and self._store.derived.needs_optimizing():
                self._store.derived.optimize(catalog)
            return receipt

    def remove(self, paths: str | Sequence[str]) -> int:
        """Takes the sources out of the index that match one of the path globs.

        Returns:
            How many snippets went.

        Raises:
            NotFoundError: no source matches.
            UsageError: no glob is given.
        """
        globs = _each(paths)
        where = Filter(globs)
        if not globs:
            raise UsageError("say which paths to remove; '**' means all")
        matching = [path for path in self._store.catalog.sources() if where.matches_path(path)]
        if not matching:
            raise NotFoundError(f"no source in the index matches {', '.join(globs)}")
        with self._store.writing() as catalog:
            with catalog.transaction():
                rows = catalog.sources()
                gone = [rows[path].id for path in matching if path in rows]
                removed = catalog.remove_sources(gone)
            self._store.bring_up_to_date()
        return removed

    def reencode(self, *, progress: Progress | None = None) -> int:
        """Embeds every snippet with the encoder given to `open`, then rebuilds the backend.

        Searching goes on with the old vectors until the new ones are complete; a run that
        is stopped is continued by the next.

        Returns:
            How many texts were embedded.

        Raises:
            UsageError: it is one that `codeindex embed` has made.
        """
        refuse_embedded(self._store.manifest(), self.folder)
        with self._store.writing() as catalog:
            encoder = self._encoder.make_wanted()
            with catalog.transaction():
                row = catalog.encoder_id(encoder.info, self._encoder.fingerprint(encoder))
            embedded = embed_missing(catalog, encoder, row, progress)
            if self._encoder.is_new():
                self._encoder.bind(encoder, row)
                self._store.bring_up_to_date()
            else:
                self._replace_backend(catalog, {"encoder": self._encoder.describe(encoder, row)})
                self._encoder.bound(encoder)
        return embedded

    def optimize(self) -> bool:
        """Makes searches as fast as they can be, which may take minutes; whether it did anything.

        Searching goes on meanwhile with the index as it was.
        """
        with self._store.writing() as catalog:
            self._store.bring_up_to_date()
            if not self._store.manifest().get("encoder"):
                return False
            return self._store.derived.optimize(catalog)

    def needs_optimizing(self) -> bool:
        """Whether so much was changed through this object that `optimize` is worth its time."""
        return self._store.derived.needs_optimizing()

    def rebuild(
        self,
        backend: str | None = None,
        backend_options: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> Verification:
        """Makes the backend anew from the catalog's vectors; nothing is embedded.

        Args:
            backend, backend_options: another one than the index has, or other options. The
                options given are those that differ from the backend's defaults, or, for the
                backend that the index has, from its own.

        Returns:
            How the new one compares with the catalog. The old one stays until that is sound.

        Raises:
            NotFoundError, OptionError: there is no such backend or option.
            PluginError: the new one does not hold what the catalog does; the old one is kept.
            UsageError: nothing was ever embedded.
        """
        with self._store.writing() as catalog:
            if not self._store.manifest().get("encoder"):
                raise UsageError(f"the index at {self.folder} holds no vectors yet")
            wanted = self._store.derived.other_choice(catalog.manifest(), backend, backend_options)
            return self._replace_backend(catalog, {"backend": wanted}, progress)

    def _replace_backend(
        self, catalog: Catalog, changes: Mapping[str, Any], progress: Progress | None = None
    ) -> Verification:
        from codeindex.verification import Verification, check_backend

        report = Verification()

        def check(backend: IndexBackend, manifest: Mapping[str, Any]) -> None:
            encoder = manifest["encoder"]
            check_backend(catalog, backend, int(encoder["row"]), int(encoder["dim"]), report)
            if report.problems:
                raise PluginError(
                    f"the new backend is not sound, the old one is kept: {report.problems[0]}"
                )

        self._store.derived.rebuild(catalog, changes, check, progress)
        return report

    def verify(self, *, repair: bool = False) -> Verification:
        """Compares the catalog with the backend and with itself.

        Args:
            repair: makes what is wrong anew from the catalog; what is sound is kept.

        Raises:
            DamagedIndexError: the catalog itself cannot be read.
        """
        with self._store.locked_if_writable():
            first = self._examine()
        if first.ok or not repair:
            return first
        with self._store.writing() as catalog:
            with catalog.transaction():
                catalog.rebuild_words()
                catalog.drop_damaged_vectors()
            row, dim = self._encoder.row(), self._store.derived.place(catalog).space.dim
            if catalog.snippets_without_vector(row, dim):
                embed_missing(catalog, self._encoder.get(), row, None, self._encoder.recipe)
            self._replace_backend(catalog, {})
        second = self._examine()
        second.repaired = [item for item in first.problems if item not in second.problems]
        return second

    def _examine(self) -> Verification:
        from codeindex.verification import Verification, check_backend, check_catalog

        report = Verification()
        catalog, manifest = self._store.catalog, self._store.manifest()
        if not manifest.get("encoder"):
            report.problems.extend(catalog.problems())
            return report
        row, dim = int(manifest["encoder"]["row"]), int(manifest["encoder"]["dim"])
        check_catalog(catalog, row, dim, report)
        try:
            self._store.derived.examine(
                catalog, lambda backend: check_backend(catalog, backend, row, dim, report)
            )
        except (DamagedIndexError, StorageError) as damage:
            report.snippets = catalog.count("snippets")
            report.problems.append(f"backend: {damage}")
        return report

    # -- end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Frees files and memory. May be called twice."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _each(values: str | Sequence[str]) -> tuple[str, ...]:
    """One value, or each of several: a text is a sequence of letters, which nobody means."""
    return (values,) if isinstance(values, str) else tuple(values)
