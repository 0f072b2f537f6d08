"""A value of the word index that is not what was written is told, never used."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from lexical_corpus import add, remove, snippet

from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError
from codeindex.filters import Filter

WHERE = Filter((), ("python",))


@pytest.fixture
def path(tmp_path):
    """A catalog of two segments, with one document of the first removed."""
    path = tmp_path / "catalog.sqlite"
    catalog = Catalog.create(path, {})
    first = add(catalog, [snippet(f"load date{n}") for n in range(9)])
    add(catalog, [snippet("load http")])
    remove(catalog, first[:1])
    catalog.close()
    return path


def change(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount > 0


def answers(path) -> list[int]:
    catalog = Catalog(path, readonly=True)
    try:
        found = catalog.lexical(["load", "http", "date3"])
        return found.top(20, WHERE)[0].tolist()
    finally:
        catalog.close()


VALUES = [
    ("word_state", "segments", "segments = replace(segments, '9', '8')"),
    ("word_state", "checksum", "checksum = checksum + 1"),
    ("word_segments", "ids", "ids = x'0100000000000000' || substr(ids, 9) WHERE length(ids) = 8"),
    ("word_segments", "lengths", "lengths = zeroblob(length(lengths))"),
    ("word_segments", "firsts", "firsts = replace(firsts, 'a', 'b')"),
    ("word_blocks", "postings", "postings = zeroblob(length(postings))"),
    ("word_blocks", "postings", "postings = 7"),
    ("word_blocks", "id", "id = id + 1"),
    ("word_facets", "names", "names = replace(names, 'python', 'pythos')"),
    ("word_facets", "codes", "codes = x'01000000' || substr(codes, 5)"),
    ("word_removed", "documents", "documents = x'01000000'"),
]


@pytest.mark.parametrize(("table", "column", "setting"), VALUES)
def test_a_changed_value_is_told_and_repaired(path, table, column, setting):
    before = answers(path)
    assert len(before) == 9
    change(path, f"UPDATE {table} SET {setting}")  # noqa: S608
    with pytest.raises(DamagedIndexError, match=f"'{table}'"):
        answers(path)
    repaired_as_before(path, before)


@pytest.mark.parametrize("table", sorted({table for table, _, _ in VALUES}))
def test_a_lost_row_is_told_and_repaired(path, table):
    before = answers(path)
    first = f"(SELECT min(rowid) FROM {table})"  # noqa: S608
    change(path, f"DELETE FROM {table} WHERE rowid = {first}")  # noqa: S608
    with pytest.raises(DamagedIndexError, match=f"'{table}' has lost a row"):
        answers(path)
    repaired_as_before(path, before)


def repaired_as_before(path, before) -> None:
    catalog = Catalog(path)
    assert any("word index is damaged" in problem for problem in catalog.problems())
    with catalog.transaction():
        catalog.rebuild_words()
    assert catalog.problems() == []
    catalog.close()
    assert answers(path) == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO word_blocks VALUES (99 * 4294967296, x'', 0)",
        "INSERT INTO word_removed VALUES (2, x'00000000', 0)",
        "INSERT INTO word_facets VALUES (99, '', x'', 0)",
    ],
)
def test_rows_that_belong_to_nothing_are_found(path, statement):
    change(path, statement)
    catalog = Catalog(path)
    assert "the word index is damaged (1 rows belong to nothing)" in catalog.problems()
    catalog.close()


def test_words_of_snippets_that_are_not_there_are_found(path):
    change(path, "DELETE FROM snippets WHERE id = 5")
    catalog = Catalog(path)
    assert "the word index lacks 0 snippets and has 1 too many" in catalog.problems()
    catalog.close()


def test_words_of_another_recipe_are_made_anew_when_the_catalog_is_opened(path):
    before = answers(path)
    catalog = Catalog(path)
    with catalog.transaction():
        catalog._words.clear()
        catalog.set_manifest({"words_recipe": "older"})
    catalog.close()
    assert answers(path) == []
    Catalog(path).close()
    assert answers(path) == before
