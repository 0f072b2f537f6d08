"""Places of snippets: what the ranking looks at, of many snippets at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from codeindex.catalog.checksums import check
from codeindex.catalog.rows import CHECKED_COLUMNS, snippet_checksum
from codeindex.catalog.snippets import chunks
from codeindex.ranking.place import Place, place_of


def places_by_id(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Place]:
    """Places by id; ids that are not there are left out.

    The whole row is read, to be checked: a name that was damaged would be ranked wrongly,
    and nobody would see it.

    Raises:
        sqlite3.DatabaseError: a row is not what was written.
    """
    found = {}
    for marks, chunk in chunks(ids):
        for id, checksum, key, text_digest, *values in connection.execute(
            f"SELECT id, {CHECKED_COLUMNS} FROM snippets WHERE id IN ({marks})", chunk
        ):
            check("snippets", checksum, snippet_checksum(id, key, text_digest, values))
            path, _, kind, name, *_ = values
            found[id] = place_of(path, kind, name)
    return found


def spread_ids(connection: sqlite3.Connection, count: int) -> list[int]:
    """At most `count` ids of snippets from all over the table, ascending; always the same.

    Raises:
        sqlite3.DatabaseError: the table has lost rows.
    """
    # Not from an index of the table, which holds all ids, too: it would be read from end to end,
    # and may have lost rows by itself.
    first, last = connection.execute(
        "SELECT (SELECT min(id) FROM snippets NOT INDEXED), (SELECT max(id) FROM snippets"
        " NOT INDEXED)"
    ).fetchone()
    if first is None:
        return []
    steps = max(count - 1, 1)
    asked = sorted({first + (last - first) * step // steps for step in range(count)})
    return sorted({_next_id(connection, id) for id in asked})


def _next_id(connection: sqlite3.Connection, id: int) -> int:
    """The first id from `id` on, which is at most the last."""
    row = connection.execute(
        "SELECT id FROM snippets NOT INDEXED WHERE id >= ? ORDER BY id LIMIT 1", (id,)
    ).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("its table 'snippets' has lost rows")
    return int(row[0])
