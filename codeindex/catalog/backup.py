"""A copy of a catalog as it is at one moment, whatever a writer does meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from codeindex.catalog.connection import connect, translated

_PAGES = 2000  # copied between two signs of progress, after which Ctrl-C is heard


def copy_catalog(
    source: Path, target: Path, progress: Callable[[int, int], object] | None = None
) -> None:
    """Writes `source`, a catalog, to `target`, a file that is not there yet.

    Args:
        progress: is told how many pages are copied, of how many.

    Raises:
        StorageError: the disk is full, or a file cannot be read or written.
        DamagedIndexError: `source` is not the database that was written.
    """

    def report(status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    with translated(source), closing(connect(source, readonly=True)) as original:
        original.execute("BEGIN")
        # Reading begins here and lasts: a writer beside would make the copying start again.
        original.execute("SELECT count(*) FROM manifest").fetchone()
        with translated(target), closing(sqlite3.connect(target)) as copy:
            original.backup(copy, pages=_PAGES, progress=report)
