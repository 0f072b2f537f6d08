"""The words table: identifier-split words of every snippet, for lexical search."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from codeindex.snippet import Snippet
from codeindex.words import searchable_words

WORDS_RECIPE = "identifier-parts-and-compound/1"
"""Names what `words_of` does. The words of a catalog with another recipe are made anew,
because a contentless table needs the exact words that went in to take a row out."""


Words = tuple[str, str, str, str]
"""Searchable words of name, path, docstring and code."""


def words_of(snippet: Snippet) -> Words:
    """The words of a snippet; its docstring counts as docstring only, not as code."""
    code = snippet.code.replace(snippet.docstring, " ", 1) if snippet.docstring else snippet.code
    return (
        searchable_words(snippet.name),
        searchable_words(snippet.path),
        searchable_words(snippet.docstring),
        searchable_words(code),
    )


def add_words(connection: sqlite3.Connection, rows: Iterable[tuple[int, Words]]) -> None:
    """Adds the words of snippets by id."""
    connection.executemany(
        "INSERT INTO words (rowid, name, path, docstring, code) VALUES (?, ?, ?, ?, ?)",
        [(id, *words) for id, words in rows],
    )


def remove_words(connection: sqlite3.Connection, rows: Iterable[tuple[int, Snippet]]) -> None:
    """Takes the words of snippets out again."""
    connection.executemany(
        "INSERT INTO words (words, rowid, name, path, docstring, code)"
        " VALUES ('delete', ?, ?, ?, ?, ?)",
        [(id, *words_of(snippet)) for id, snippet in rows],
    )


def clear_words(connection: sqlite3.Connection) -> None:
    """Empties the table."""
    connection.execute("INSERT INTO words (words) VALUES ('delete-all')")


def words_are_sound(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the words table, or None.

    FTS5's own check covers the structure; that every snippet has its row, and no other
    id has one, is checked on the document sizes, which are kept one row a document.
    """
    try:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if str(error.sqlite_errorname).startswith("SQLITE_READONLY"):
            return None  # the check is an INSERT; in a read-only folder there is none
        return f"the words table is damaged ({error})"
    missing = connection.execute(
        "SELECT count(*) FROM snippets WHERE id NOT IN (SELECT id FROM words_docsize)"
    ).fetchone()[0]
    extra = connection.execute(
        "SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT id FROM snippets)"
    ).fetchone()[0]
    if missing or extra:
        return f"the words table lacks {missing} snippets and has {extra} too many"
    return None
