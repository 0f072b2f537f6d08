"""Index: the engine behind the commands, and the Python API."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# First of all, from a shallow stack: its imports are deep, and CPython 3.11 gives the memory of
# a frame back and takes it again with every call that crosses the end of a stack chunk. From
# within the imports below it takes twice as long.
import numpy as np  # noqa: F401

from codeindex.index_reader import IndexReader, each

if TYPE_CHECKING:  # imported where they are needed: a search, in a fresh process, needs none
    from codeindex.indexing import Progress, UpdateOptions
    from codeindex.receipt import Receipt
    from codeindex.verification import Verification


class Index(IndexReader):
    """A searchable index of code.

    Made with `Index.open`. Reading needs no lock; methods that write take the writer's lock
    while they work. Use it from one thread, and close it, or use ``with``.
    """

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
        from codeindex.updating import update

        return update(self._store, self._encoder, _each_path(paths), options, progress)

    def remove(self, paths: str | Sequence[str]) -> int:
        """Takes the sources out of the index that match one of the path globs.

        Returns:
            How many snippets went.

        Raises:
            NotFoundError: no source matches.
            UsageError: no glob is given.
        """
        from codeindex.updating import remove

        return remove(self._store, each(paths))

    # -- maintenance ------------------------------------------------------------------------

    def reencode(self, *, progress: Progress | None = None) -> int:
        """Embeds every snippet with the encoder given to `open`, then rebuilds the backend.

        Searching goes on with the old vectors until the new ones are complete; a run that
        is stopped is continued by the next.

        Returns:
            How many texts were embedded.

        Raises:
            UsageError: it is one that `codeindex embed` has made.
        """
        from codeindex.maintenance import reencode

        return reencode(self._store, self._encoder, progress)

    def optimize(self) -> bool:
        """Makes searches as fast as they can be, which may take minutes; whether it did anything.

        Searching goes on meanwhile with the index as it was.
        """
        from codeindex.maintenance import optimize

        return optimize(self._store)

    def needs_optimizing(self) -> bool:
        """Whether so much was changed through this object that `optimize` is worth its time."""
        return self._store.derived.needs_optimizing()

    def rebuild_choice(
        self, backend: str | None = None, backend_options: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Name and options of the backend that `rebuild` would make; nothing is written.

        Raises:
            NotFoundError, OptionError: there is no such backend or option.
            UsageError: nothing was ever embedded.
        """
        from codeindex.maintenance import rebuild_choice

        return rebuild_choice(self._store, backend, backend_options)

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
        from codeindex.maintenance import rebuild

        return rebuild(self._store, backend, backend_options, progress)

    def verify(self, *, repair: bool = False) -> Verification:
        """Compares the catalog with the backend and with itself.

        Args:
            repair: makes what is wrong anew from the catalog; what is sound is kept.

        Raises:
            DamagedIndexError: the catalog itself cannot be read.
        """
        from codeindex.maintenance import verify

        return verify(self._store, self._encoder, repair=repair)


def _each_path(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Absolute paths."""
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [Path(os.path.abspath(path)) for path in several]
