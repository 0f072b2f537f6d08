"""The snippets table, the words that go with it, and the outbox that tells the backend."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from codeindex.catalog.rows import (
    CHECKED_COLUMNS,
    SNIPPET_COLUMNS,
    IncomingSnippet,
    checked_snippet,
    snippet_checksum,
)
from codeindex.catalog.word_index import WordIndex
from codeindex.filters import Filter, Payload
from codeindex.snippet import Snippet

_VARIABLES = 500  # names in one IN (…); SQLite's limit is 32,766

Addressed = tuple[int, IncomingSnippet]
"""A snippet and the source that it belongs to."""


def replace_snippets(
    connection: sqlite3.Connection,
    words: WordIndex,
    incoming: Mapping[int, Sequence[IncomingSnippet]],
    *,
    tell_moved: bool = False,
) -> tuple[int, int]:
    """Makes `incoming` the snippets of each source: only the difference is written.

    Args:
        tell_moved: the backend is also told of snippets of which only the lines are new.

    Returns:
        How many were added, how many removed.
    """
    present = _keys_of(connection, list(incoming))
    added: list[Addressed] = []
    gone: list[int] = []
    moved: list[int] = []
    for source, items in incoming.items():
        known = present.get(source, {})
        wanted = {item.key: item for item in items}
        kept = [(item, known[key]) for key, item in wanted.items() if key in known]
        rewritten, its_moved = _update_kept(connection, kept)
        moved += its_moved
        gone += [id for key, id in known.items() if key not in wanted]
        gone += [id for _, id in rewritten]
        added += [(source, item) for key, item in wanted.items() if key not in known]
        added += [(source, item) for item, _ in rewritten]
    drop_snippets(connection, words, gone)
    insert_snippets(connection, words, added)
    if tell_moved:
        _send(connection, "add", moved)
    return len(added), len(gone)


def _keys_of(connection: sqlite3.Connection, sources: Sequence[int]) -> dict[int, dict[bytes, int]]:
    """Source → key → snippet id."""
    found: dict[int, dict[bytes, int]] = {}
    for marks, chunk in chunks(sources):
        for source, key, id in connection.execute(
            f"SELECT source, key, id FROM snippets WHERE source IN ({marks})", chunk
        ):
            found.setdefault(source, {})[key] = id
    return found


def _update_kept(
    connection: sqlite3.Connection, kept: Sequence[tuple[IncomingSnippet, int]]
) -> tuple[list[tuple[IncomingSnippet, int]], list[int]]:
    """Notes new line numbers of snippets that stay.

    Returns:
        Those that differ in more than lines (docstring, kind of text): they are to be
        written anew, since their vector and words change. And the ids of those that moved.
    """
    rewritten, moved = [], []
    for item, id in kept:
        _, language, _, _, start, end, _, docstring, extra = item.values
        known = connection.execute(
            "SELECT text_digest, docstring, extra, language FROM snippets WHERE id = ?", (id,)
        ).fetchone()
        if known != (item.text_digest, docstring, extra, language):
            rewritten.append((item, id))
            continue
        cursor = connection.execute(
            "UPDATE snippets SET start_line = ?, end_line = ?, checksum = ?"
            " WHERE id = ? AND (start_line <> ? OR end_line <> ?)",
            (start, end, _checksum(id, item), id, start, end),
        )
        if cursor.rowcount:
            moved.append(id)
    return rewritten, moved


def insert_snippets(
    connection: sqlite3.Connection, words: WordIndex, items: Sequence[Addressed]
) -> None:
    """Adds snippets with their words, whose keys are new to their sources; the backend is told."""
    if not items:
        return
    # Ids are given here, not by SQLite, so that one statement writes many rows.
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'snippets'").fetchone()
    first = (row[0] if row else 0) + 1
    connection.executemany(
        f"INSERT INTO snippets (id, {SNIPPET_COLUMNS}, key, source, text_digest, checksum)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (id, *item.values, item.key, source, item.text_digest, _checksum(id, item))
            for id, (source, item) in enumerate(items, first)
        ],
    )
    words.add(range(first, first + len(items)), [item.values for _, item in items])
    _send(connection, "add", range(first, first + len(items)))


def _checksum(id: int, item: IncomingSnippet) -> int:
    return snippet_checksum(id, item.key, item.text_digest, item.values)


def drop_snippets(connection: sqlite3.Connection, words: WordIndex, ids: Sequence[int]) -> None:
    """Removes snippets with their words; the backend is told."""
    if not ids:
        return
    words.remove(ids)
    connection.executemany("DELETE FROM snippets WHERE id = ?", [(id,) for id in ids])
    _send(connection, "remove", ids)


def _send(connection: sqlite3.Connection, operation: str, ids: Iterable[int]) -> None:
    connection.executemany(
        "INSERT INTO outbox (operation, snippet) VALUES (?, ?)", [(operation, id) for id in ids]
    )


def ids_of_sources(connection: sqlite3.Connection, sources: Sequence[int]) -> list[int]:
    """Ids of the snippets of some sources."""
    return [id for keys in _keys_of(connection, sources).values() for id in keys.values()]


def snippets_by_id(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Snippet]:
    """Snippets by id; ids that are not there are left out."""
    found = {}
    for marks, chunk in chunks(ids):
        for id, *row in connection.execute(
            f"SELECT id, {CHECKED_COLUMNS} FROM snippets WHERE id IN ({marks})", chunk
        ):
            found[id] = checked_snippet(id, row)
    return found


def ids_at(connection: sqlite3.Connection, path: str) -> list[int]:
    """Ids of the snippets whose path it is, ascending."""
    rows = connection.execute(
        "SELECT id FROM snippets WHERE source = (SELECT id FROM sources WHERE path = ?)"
        " AND path = ? ORDER BY id",
        (path, path),
    ).fetchall()
    if not rows:  # it stands within a source that is called otherwise: the code of a paper
        rows = connection.execute(
            "SELECT id FROM snippets WHERE path = ? ORDER BY id", (path,)
        ).fetchall()
    return [row[0] for row in rows]


def iterate(connection: sqlite3.Connection, where: Filter) -> Iterator[tuple[int, Snippet]]:
    """(id, snippet) of all that satisfy `where`, by path and line; memory stays flat.

    Raises:
        sqlite3.DatabaseError: a row is not what was written, or is lost.
    """
    # Counted in an index: a damaged table may have lost rows and look whole.
    cursor = connection.execute(
        f"SELECT counted.number, id, {CHECKED_COLUMNS} FROM"
        " (SELECT count(*) AS number FROM snippets INDEXED BY snippets_by_source) counted"
        " LEFT JOIN snippets ORDER BY path, start_line, id"
    )
    read = counted = 0
    for number, id, *row in cursor:
        counted = number
        if id is None:
            break
        read += 1
        snippet = checked_snippet(id, row)
        if (
            (not where.languages or snippet.language in where.languages)
            and (not where.kinds or snippet.kind in where.kinds)
            and where.matches_path(snippet.path)
        ):
            yield id, snippet
    if read != counted:
        raise sqlite3.DatabaseError(f"its table 'snippets' has {read} of {counted} rows")


def damaged_snippets(connection: sqlite3.Connection) -> int:
    """How many rows are not what was written."""
    return sum(
        checksum != snippet_checksum(id, key, text_digest, values)
        for id, checksum, key, text_digest, *values in connection.execute(
            f"SELECT id, {CHECKED_COLUMNS} FROM snippets"
        )
    )


def payloads_by_id(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Payload]:
    """What a backend keeps beside the vector of each snippet.

    Raises:
        sqlite3.DatabaseError: a value is no text any more.
    """
    found = {}
    for marks, chunk in chunks(ids):
        for id, *values in connection.execute(
            f"SELECT id, path, language, kind FROM snippets WHERE id IN ({marks})", chunk
        ):
            if not all(isinstance(value, str) for value in values):
                raise sqlite3.DatabaseError("a row of its table 'snippets' is not what was written")
            found[id] = Payload(*values)
    return found


def chunks(ids: Sequence[int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """``?, ?, …`` and as many of the ids, so many at a time."""
    for start in range(0, len(ids), _VARIABLES):
        chunk = tuple(ids[start : start + _VARIABLES])
        yield ",".join("?" * len(chunk)), chunk
