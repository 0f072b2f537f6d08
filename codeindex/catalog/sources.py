"""The sources table: every file that was read, and how it was then."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence

from codeindex.catalog.rows import SourceRow


def all_sources(connection: sqlite3.Connection) -> dict[str, SourceRow]:
    """Every source by its path."""
    rows = connection.execute(
        "SELECT id, path, language, extractor, size, mtime_ns, ctime_ns, digest, skipped"
        " FROM sources"
    )
    return {row[1]: SourceRow(*row) for row in rows}


def put_sources(connection: sqlite3.Connection, sources: Iterable[SourceRow]) -> dict[str, int]:
    """Stores sources, replacing what was known of their paths; path → row id."""
    now = time.time()
    rows = [
        (
            source.path,
            source.language,
            source.extractor,
            source.size,
            source.mtime_ns,
            source.ctime_ns,
            source.digest,
            source.skipped,
            now,
        )
        for source in sources
    ]
    connection.executemany(
        "INSERT INTO sources (path, language, extractor, size, mtime_ns, ctime_ns, digest,"
        " skipped, indexed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET language = excluded.language,"
        " extractor = excluded.extractor, size = excluded.size,"
        " mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,"
        " digest = excluded.digest, skipped = excluded.skipped,"
        " indexed_at = excluded.indexed_at",
        rows,
    )
    find = "SELECT id FROM sources WHERE path = ?"
    return {row[0]: int(connection.execute(find, row[:1]).fetchone()[0]) for row in rows}


def touch_sources(connection: sqlite3.Connection, sources: Sequence[SourceRow]) -> None:
    """Notes new sizes and times of sources whose bytes are the same."""
    connection.executemany(
        "UPDATE sources SET size = ?, mtime_ns = ?, ctime_ns = ? WHERE path = ?",
        [(source.size, source.mtime_ns, source.ctime_ns, source.path) for source in sources],
    )


def delete_sources(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Deletes sources that have no snippets left."""
    connection.executemany("DELETE FROM sources WHERE id = ?", [(id,) for id in ids])
