"""`qdrant-edge` as the backend of a whole index: updated, searched, damaged, rebuilt."""

from __future__ import annotations

import pytest

import codeindex_qdrant
from codeindex import Index

pytest.importorskip("qdrant_edge")

from codeindex_qdrant.edge import generation


@pytest.fixture
def edge(tree, host):
    """Opens the index of the tree, with this backend."""
    host.register(codeindex_qdrant, "qdrant", "codeindex")
    assert not host.broken

    def open_index():
        return Index.open(tree, create=True, host=host, backend="qdrant-edge")

    return open_index


def names(results):
    return [result.snippet.name for result in results]


def files_of(index):
    return [path for path in (index.folder / "backend").rglob("*") if path.is_file()]


def test_indexed_changed_removed_and_searched(tree, edge):
    with edge() as index:
        index.update()
        assert names(index.search("hammer heavy iron", 1)) == ["hammer"]
        assert set(names(index.search("anything", 9, paths="fruit.txt"))) == {"apple", "banana"}
        assert set(names(index.search("anything", 9, paths="*.txt", kinds="paragraph"))) == {
            "apple",
            "banana",
            "hammer",
            "saw",
        }
        assert index.search("anything", 9, languages="none") == []
        assert index.verify().ok
    (tree / "fruit.txt").write_text("banana yellow long\n")
    (tree / "deep").mkdir()
    (tree / "deep" / "animal.txt").write_text("zebra black white stripes\n")
    with edge() as index:
        index.update()
        assert names(index.search("zebra stripes", 1, paths="deep")) == ["zebra"]
        assert "apple" not in names(index.search("apple red sweet", 9))
        assert index.remove("tools.txt") == 2
        assert set(names(index.search("hammer", 9))) == {"banana", "zebra"}
        assert index.verify().ok
        assert index.status()["backend"]["name"] == "qdrant-edge"
        generations = {path.parent.name for path in files_of(index)}
        assert len(generations) == 1, "only the last commit is kept"
    with edge() as index:
        assert index.optimize()
        assert names(index.search("zebra stripes", 1)) == ["zebra"]
        assert index.verify().ok


def test_searching_needs_no_right_to_write_to_the_index(tree, edge):
    with edge() as index:
        index.update()
        before = {path: path.stat().st_mtime_ns for path in files_of(index)}
    with edge() as index:
        assert names(index.search("saw", 1)) == ["saw"]
        assert index.verify().ok
        assert {path: path.stat().st_mtime_ns for path in files_of(index)} == before


def test_a_flipped_byte_is_told_and_the_vectors_are_put_back(edge, monkeypatch):
    monkeypatch.setattr(generation, "_APART_FROM", 1)
    with edge() as index:
        index.update()
        count = len(files_of(index))
    assert count > 2
    for number in range(count):
        with edge() as index:
            path = sorted(files_of(index))[number]
        data = bytearray(path.read_bytes())
        data[(number * 7919) % len(data)] ^= 0xFF
        path.write_bytes(data)
        with edge() as index:
            assert not index.verify().ok
            assert names(index.search("saw sharp teeth", 1)) == ["saw"]
            assert index.verify().ok


def test_copied_to_another_backend_and_back_it_answers_the_same(edge):
    with edge() as index:
        index.update()
        queries = ["hammer heavy", "yellow", "teeth red"]
        before = [names(index.search(query)) for query in queries]
        assert index.rebuild("faiss").ok
        assert index.rebuild("qdrant-edge", {"exact_below": 1}).ok
        assert [names(index.search(query)) for query in queries] == before
        assert index.status()["backend"]["name"] == "qdrant-edge"
