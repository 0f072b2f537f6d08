"""What is wrong with a catalog file: its pages, its references, its rows and its words."""

from __future__ import annotations

import sqlite3

from codeindex.catalog import snippets as snippet_table
from codeindex.catalog import vectors as vector_table
from codeindex.catalog.word_index import WordIndex


def problems(connection: sqlite3.Connection, words: WordIndex) -> list[str]:
    """One line each; empty means that all is well."""
    rows = connection.execute("PRAGMA integrity_check(5)").fetchall()
    found = [f"catalog: {row[0]}" for row in rows if row[0] != "ok"]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    if orphans:
        found.append(f"catalog: {len(orphans)} rows refer to rows that are gone")
    found += _damaged_rows(connection)
    problem = words.problem()
    return [*found, problem] if problem else found


def _damaged_rows(connection: sqlite3.Connection) -> list[str]:
    snippets = snippet_table.damaged_snippets(connection)
    vectors = len(vector_table.damaged_vectors(connection))
    return [
        f"catalog: {number} rows of its table {table!r} are not what was written"
        for table, number in (("snippets", snippets), ("vectors", vectors))
        if number
    ]
