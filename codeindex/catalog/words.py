"""The words table: identifier-split words of every snippet, for lexical search."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from codeindex.snippet import Snippet
from codeindex.words import searchable_words

if TYPE_CHECKING:  # numpy is not for worker processes
    from codeindex.filters import Filter
    from codeindex.lexical.scores import LexicalScores, Mask

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


def lexical_scores(connection: sqlite3.Connection, weights: Mapping[str, float]) -> LexicalScores:
    """What the words, each with its weight, give to the snippets that hold them."""
    import numpy as np

    from codeindex.catalog.snippets import payloads_by_id
    from codeindex.lexical.scores import LexicalScores, WordGain

    found: dict[str, list[tuple[int, float]]] = {}
    for word in weights:
        quoted = '"' + word.replace('"', '""') + '"'
        rows = connection.execute(
            "SELECT rowid, -bm25(words, 5, 2, 2, 1) FROM words WHERE words MATCH ?", (quoted,)
        ).fetchall()
        if rows:
            found[word] = rows
    ids = np.array(sorted({id for rows in found.values() for id, _ in rows}), dtype=np.int64)
    scores = np.zeros(len(ids), dtype=np.float32)
    gains = []
    for word, rows in found.items():
        positions = np.searchsorted(ids, [id for id, _ in rows])
        values = np.array([score for _, score in rows], dtype=np.float32) * weights[word]
        scores[positions] += values
        gains.append(WordGain(word, positions, values.astype(np.float32)))

    def allowed(where: Filter) -> Mask:
        payloads = payloads_by_id(connection, ids.tolist())
        return np.array([where.matches(payloads[id]) for id in ids.tolist()], dtype=np.bool_)

    return LexicalScores(ids, scores, tuple(gains), allowed)


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
