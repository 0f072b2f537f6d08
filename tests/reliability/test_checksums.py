"""A value of the catalog that is not what was written is told, never used."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from codeindex import Index
from codeindex.catalog import file as catalog_file
from codeindex.catalog import schema
from codeindex.errors import DamagedIndexError, IndexVersionError


@pytest.fixture
def filled(opened, tree):
    opened.update()
    opened.close()
    return tree / ".codeindex" / "catalog.sqlite"


def change(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "column", ["path", "language", "kind", "name", "start_line", "code", "docstring", "extra"]
)
def test_a_snippet_that_was_changed_is_not_shown(filled, tree, host, column):
    change(filled, f"UPDATE snippets SET {column} = '7' WHERE name = 'hammer'")  # noqa: S608
    with Index.open(tree, host=host) as index:
        with pytest.raises(DamagedIndexError, match="'snippets' is not what was written"):
            index.search("iron")
        with pytest.raises(DamagedIndexError, match="delete the folder"):
            list(index.snippets())
        assert "1 rows of its table 'snippets'" in "\n".join(index.verify().problems)


@pytest.mark.parametrize(
    ("column", "value"),
    [("docstring", "x''"), ("path", "CAST(path AS BLOB)"), ("name", "CAST(name AS BLOB)")],
)
def test_a_text_that_became_bytes_is_told(filled, tree, host, column, value):
    """One bit is enough for that: the kind of a value stands in the row beside it."""
    change(filled, f"UPDATE snippets SET {column} = {value} WHERE name = 'hammer'")  # noqa: S608
    with Index.open(tree, host=host) as index:
        with pytest.raises(DamagedIndexError, match="'snippets' is not what was written"):
            list(index.snippets())
        assert "1 rows of its table 'snippets'" in "\n".join(index.verify().problems)


def test_a_vector_of_no_encoder_is_told(filled, tree, host):
    change(filled, "UPDATE vectors SET encoder = 'x' WHERE id = 2")
    with Index.open(tree, host=host) as index:
        assert "1 rows of its table 'vectors'" in "\n".join(index.verify().problems)


def test_a_value_of_the_manifest_that_was_changed_is_not_used(filled, tree, host):
    change(filled, "UPDATE manifest SET value = replace(value, '64', '65') WHERE key = 'encoder'")
    with pytest.raises(DamagedIndexError, match="'manifest' is not what was written"):
        Index.open(tree, host=host)


def test_a_vector_that_was_changed_is_not_used_and_is_embedded_again(filled, tree, host, toys):
    with Index.open(tree, host=host) as index:
        before = [(r.snippet.name, r.score) for r in index.search("iron")]
    embedded = len(toys.embedded)
    change(filled, "UPDATE vectors SET vector = zeroblob(length(vector)) WHERE id = 2")
    with Index.open(tree, host=host) as index:
        with pytest.raises(DamagedIndexError, match="'vectors' is not what was written"):
            index.rebuild()
        assert "1 rows of its table 'vectors'" in "\n".join(index.verify().problems)
        assert index.verify(repair=True).ok
        assert len(toys.embedded) == embedded + 1
        index.rebuild()
        after = [(r.snippet.name, r.score) for r in index.search("iron")]
    assert after == before


def test_a_snippet_that_was_lost_is_missed(filled, tree, host):
    change(filled, "DELETE FROM snippets WHERE name = 'hammer'")
    with Index.open(tree, host=host) as index:
        with pytest.raises(DamagedIndexError, match="1 vectors .* belong to no snippet"):
            index.search("iron")


def test_a_catalog_of_an_older_format_is_migrated_when_it_is_opened(
    filled, tree, host, monkeypatch
):
    newer = (*schema.MIGRATIONS, "CREATE TABLE notes (id INTEGER PRIMARY KEY);")
    for module in (schema, catalog_file):
        monkeypatch.setattr(module, "MIGRATIONS", newer)
    with Index.open(tree, host=host) as index:
        assert index.search("iron", 1)[0].snippet.name == "hammer"
        assert index.verify().ok
    change(filled, "INSERT INTO notes VALUES (1)")
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(newer),)


def test_an_older_catalog_that_cannot_be_written_is_told(filled, tree, host, monkeypatch):
    change(filled, "PRAGMA user_version = 0")
    module = catalog_file

    real = module.connect

    def connect(path, *, readonly):
        connection = real(path, readonly=readonly)
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr(module, "connect", connect)
    with pytest.raises(IndexVersionError, match="older format.*opened once"):
        Index.open(tree, host=host)


def test_a_vector_that_is_lost_is_told_by_a_search(filled, tree, host):
    """What is unrelated to what is judged by a sample of the vectors: without one, all scores
    would be a little wrong."""
    change(filled, "DELETE FROM vectors WHERE id = 2")
    with (
        Index.open(tree, host=host) as index,
        pytest.raises(DamagedIndexError, match="'vectors' has lost rows"),
    ):
        index.search("iron")


def test_a_damaged_index_of_the_snippets_changes_no_score(filled, tree, host):
    """Which snippets are sampled is read from the table itself, not from one of its indexes."""
    with Index.open(tree, host=host) as index:
        before = [(one.snippet, one.score) for one in index.search("iron")]
    change(
        filled,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage ="
        " (SELECT rootpage FROM sqlite_schema WHERE name = 'outbox')"
        " WHERE name = 'snippets_by_source'",
    )
    with Index.open(tree, host=host) as index:
        assert [(one.snippet, one.score) for one in index.search("iron")] == before
