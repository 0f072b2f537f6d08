"""Drift between catalog and backend is never silent: status and verify show it."""

from __future__ import annotations

import shutil

import moving_toys
import pytest

from codeindex import Index, sync
from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError, IndexLockedError, StorageError
from codeindex.locking import writing


@pytest.fixture
def host(host):
    host.register(moving_toys, "moving", "toy-distribution")
    return host


@pytest.fixture
def filled(opened):
    opened.update()
    return opened


def tamper(index, change):
    """Changes the rows of the committed backend behind the catalog's back."""
    store = index._store
    place = store.derived.place(store.catalog)
    backend = sync.open_backend(index.host, place, store.manifest()["backend_files"], {}).inner
    change(backend.rows)
    files = dict(backend.commit())
    catalog = Catalog(index.folder / "catalog.sqlite")
    with catalog.transaction():
        catalog.set_manifest({"backend_files": files})
    catalog.close()


# -- status -----------------------------------------------------------------------------------


def test_status_shows_the_vectors_beside_the_snippets(filled):
    facts = filled.status()
    assert (facts["snippets"], facts["backend_vectors"], facts["drift"]) == (4, 4, None)
    assert facts["backend_facts"] == {}


def test_status_of_an_index_without_vectors_has_no_drift(tree, opened):
    for path in tree.iterdir():
        path.unlink()
    (tree / "empty.txt").write_text("\n")
    opened.update()
    facts = opened.status()
    assert (facts["snippets"], facts["backend_vectors"], facts["drift"]) == (0, None, None)


def test_status_shows_missing_vectors(filled):
    tamper(filled, lambda rows: rows.popitem())
    facts = filled.status()
    assert facts["backend_vectors"] == 3
    assert facts["drift"] == (
        "the backend holds 3 vectors, the catalog 4 snippets; see codeindex verify"
    )


def test_status_shows_changes_that_are_pending(tree, filled, monkeypatch):
    (tree / "new.txt").write_text("zebra stripes\n")
    with monkeypatch.context() as patch:
        patch.setattr(sync, "commit", lambda *given: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            filled.update()
    filled.close()
    with Index.open(tree, host=filled.host) as again:
        facts = again.status()
        assert facts["pending_changes"] == 1
        assert facts["drift"] == (
            "the backend holds 4 vectors, the catalog 5 snippets; 1 changes are pending"
        )


@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_status_shows_a_backend_that_cannot_be_opened_and_mends_nothing(tree, filled, damage):
    filled.close()
    (path,) = (filled.folder / "backend").rglob("gen*.json")
    path.write_text("{") if damage == "flip" else path.unlink()
    before = {p: p.read_bytes() for p in filled.folder.rglob("*.json")}
    with Index.open(tree, host=filled.host) as again:
        facts = again.status()
    assert facts["backend_vectors"] is None
    assert facts["drift"].startswith("the backend cannot be opened: ")
    assert path.name in facts["drift"]
    assert {p: p.read_bytes() for p in filled.folder.rglob("*.json")} == before


def test_status_shows_a_server_that_is_gone(tree, host, tmp_path):
    (tmp_path / "server").mkdir()
    given = {"backend": "shelf", "backend_options": {"at": str(tmp_path / "server")}}
    with Index.open(tree, create=True, host=host, **given) as index:
        index.update()
        assert index.status()["backend_facts"]["type"] == "shelf"
    shutil.rmtree(tmp_path / "server")
    with Index.open(tree, host=host) as index:
        assert "cannot be reached" in index.status()["drift"]
    (tmp_path / "server").mkdir()
    with Index.open(tree, host=host) as index:  # the server lost what it held
        assert index.status()["drift"].startswith("the backend holds 0 vectors, the catalog 4")
        assert "4 snippets have no vector" in index.verify().problems[0]
        assert index.verify(repair=True).ok
        assert index.status()["drift"] is None


def test_status_shows_a_backend_that_is_not_installed(tree, filled):
    filled.close()
    catalog = Catalog(filled.folder / "catalog.sqlite")
    with catalog.transaction():
        catalog.set_manifest({"backend": {"name": "gone", "options": {}}})
    catalog.close()
    with Index.open(tree, host=filled.host) as again:
        assert "no backend 'gone'" in again.status()["drift"]


# -- verify -----------------------------------------------------------------------------------


def swap(rows):
    (one, first), (other, second) = list(rows.items())[:2]
    rows[one], rows[other] = (second[0], first[1]), (first[0], second[1])


def test_verify_finds_vectors_that_changed_places(filled):
    """The best score for each is still its own: only the id tells."""
    tamper(filled, swap)
    assert filled.status()["drift"] is None
    assert filled.verify().problems == ["backend: 2 of 4 sampled vectors differ"]
    assert filled.verify(repair=True).ok


@pytest.mark.parametrize("field", [0, 1, 2])
def test_verify_finds_a_payload_that_differs(filled, field):
    def change(rows):
        id, (vector, payload) = next(iter(rows.items()))
        rows[id] = (vector, (*payload[:field], "other", *payload[field + 1 :]))

    tamper(filled, change)
    assert filled.verify().problems == [
        "backend: 1 of 4 sampled vectors are not found by their path, language and kind"
    ]


def test_verify_is_content_with_equal_texts_and_odd_names(tree, opened):
    """Twenty snippets of one text tie; brackets, stars and question marks mean themselves."""
    (tree / "same.txt").write_text("\n\n".join(["apple red sweet"] * 20) + "\n")
    for name in ("[a-z].txt", "[!].txt", "a*b.txt", "what?.txt", "]x[.txt"):
        (tree / name).write_text(f"apple red sweet\n\nonly in {name}\n")
    opened.update()
    report = opened.verify()
    assert (report.problems, report.snippets, report.sampled) == ([], 34, 34)


def test_verify_is_content_with_an_approximate_search(tree, host):
    """What a search without a filter misses is found among the snippets of its file."""
    with Index.open(
        tree, create=True, host=host, backend="tidy", backend_options={"blind": 2}
    ) as i:
        i.update()
        assert i.verify().problems == []
        tamper(i, swap)
        assert i.verify().problems == ["backend: 2 of 4 sampled vectors differ"]


# -- a reader beside a first run ----------------------------------------------------------------


@pytest.fixture
def unfinished(tree, host, monkeypatch):
    """An index whose first run ended before its vectors were in the backend."""
    with monkeypatch.context() as patch:
        patch.setattr(sync, "commit", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with Index.open(tree, create=True, host=host) as index, pytest.raises(KeyboardInterrupt):
            index.update()
    return tree


def test_a_reader_beside_a_first_run_is_told_and_finds_it_later(unfinished, host):
    with Index.open(unfinished, host=host) as reader:
        with writing(reader.folder), pytest.raises(IndexLockedError) as told:
            reader.search("iron")
        assert "cannot be searched yet, it was never finished: another codeindex process" in str(
            told.value
        )
        assert "never finished" in reader.status()["drift"]
        assert reader.search("iron", 1)[0].snippet.name == "hammer"
        assert reader.status()["drift"] is None


def test_an_unfinished_index_in_a_read_only_folder_is_no_empty_one(unfinished, host, monkeypatch):
    def refuse(folder, **named):
        raise StorageError("cannot write")

    monkeypatch.setattr("codeindex.store.writing", refuse)
    with Index.open(unfinished, host=host) as reader:
        with pytest.raises(StorageError, match=r"never finished: cannot write"):
            reader.search("iron")


def test_a_backend_is_not_opened_empty_for_want_of_files(unfinished, host):
    with Index.open(unfinished, host=host) as reader:
        with pytest.raises(DamagedIndexError, match="never finished.*codeindex index"):
            reader._store.derived.open(reader._store.catalog)


def test_a_reader_beside_a_rebuild_goes_on(tree, filled, host):
    with Index.open(tree, host=host) as reader:
        assert reader.search("iron", 1)[0].snippet.name == "hammer"

        def ask(done, total):
            assert reader.search("iron", 1)[0].snippet.name == "hammer"
            with Index.open(tree, host=host) as late:
                assert late.search("iron", 1)[0].snippet.name == "hammer"

        filled.rebuild("tidy", progress=ask)
        assert reader.search("iron", 1)[0].snippet.name == "hammer"
        assert reader.status()["backend"]["name"] == "tidy"


def test_a_reader_follows_a_backend_that_keeps_no_files_to_its_new_place(tree, host, tmp_path):
    places = [{"at": str(tmp_path / name)} for name in ("one", "two")]
    for place in places:
        (tmp_path / place["at"]).mkdir()
    with Index.open(
        tree, create=True, host=host, backend="shelf", backend_options=places[0]
    ) as index:
        index.update()
        with Index.open(tree, host=host) as reader:
            assert reader.search("iron", 1)
            index.rebuild(backend_options=places[1])
            shutil.rmtree(tmp_path / "one")
            assert reader.search("iron", 1)
            assert reader._store.backend().facts()["at"] == places[1]["at"]
