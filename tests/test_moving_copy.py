"""An index is copied into another backend: nothing is embedded, all is compared, none is half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import moving_toys
import numpy as np
import pytest

from codeindex import Index
from codeindex.catalog import backup
from codeindex.catalog.backup import copy_catalog
from codeindex.catalog.catalog import Catalog
from codeindex.copying import copy_index
from codeindex.errors import (
    IndexLockedError,
    NotFoundError,
    OptionError,
    StorageError,
    UnavailableError,
    UsageError,
)
from codeindex.filters import Payload
from codeindex.locking import writing
from codeindex.recall import measure_recall


@pytest.fixture
def host(host):
    host.register(moving_toys, "moving", "toy-distribution")
    return host


@pytest.fixture
def filled(opened):
    opened.update()
    return opened


@pytest.fixture
def target(tmp_path):
    return tmp_path / "copy"


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "server").mkdir()
    return {"at": str(tmp_path / "server")}


# -- a copy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["brute", "tidy", "shelf"])
def test_a_copy_is_complete_and_embeds_nothing(tree, filled, host, toys, target, shelf, backend):
    before = len(toys.embedded)
    options = shelf if backend == "shelf" else {}
    report = copy_index(filled.folder, target, backend, options, host=host)
    assert (report.ok, report.problems, report.recall.value) == (True, [], 1.0)
    assert (report.checked.vectors, report.checked.sampled, report.recall.queries) == (4, 4, 4)
    with Index.open(index=target, host=host) as copy:
        assert copy.search("iron") == filled.search("iron")
        assert copy.verify().ok
        assert copy.status()["drift"] is None
        assert copy.status()["backend"]["name"] == backend
        assert (copy.root, copy.status()["snippets"]) == (tree, 4)
        assert copy._store.manifest()["id"] != filled._store.manifest()["id"]
        (tree / "new.txt").write_text("zebra stripes\n")
        receipt = copy.update()
        assert (receipt.snippets, receipt.embedded) == (5, 1)
        assert copy.verify().ok
    assert len(toys.embedded) == before + 1
    assert filled.status()["snippets"] == 4
    assert filled.verify().ok


def test_there_and_back_again_gives_identical_answers(filled, host, target, shelf, tmp_path):
    copy_index(filled.folder, target, "shelf", shelf, host=host)
    copy_index(target, tmp_path / "back", "faiss", host=host)
    with Index.open(index=tmp_path / "back", host=host) as back:
        for query in ("iron", "apple red", "long"):
            assert back.search(query) == filled.search(query)


def test_a_large_backend_is_arranged_before_it_is_compared(filled, host, target):
    report = copy_index(filled.folder, target, "tidy", host=host)
    assert report.facts == {"type": "tidy", "tidied": 4}
    json.dumps(report.as_json())


def test_what_is_told_of_a_copy_is_what_it_is(filled, host, target):
    report = copy_index(filled.folder, target, "faiss", host=host)
    with Index.open(index=target, host=host) as copy:
        assert report.as_json()["backend_facts"] == copy.status()["backend_facts"]


@pytest.mark.parametrize("below", [".", "copy", "backend/copy"])
def test_a_copy_into_the_index_itself_is_refused(filled, host, below):
    before = sorted(filled.folder.rglob("*"))
    with pytest.raises(UsageError, match="lies in the index that is copied|holds an index"):
        copy_index(filled.folder, filled.folder / below, "faiss", host=host)
    assert sorted(filled.folder.rglob("*")) == before


def test_what_waits_in_the_source_is_in_the_copy_and_waits_no_more(
    tree, filled, host, target, monkeypatch
):
    (tree / "new.txt").write_text("zebra stripes\n")
    with monkeypatch.context() as patch:
        patch.setattr("codeindex.sync.commit", lambda *given: (_ for _ in ()).throw(OSError("x")))
        with pytest.raises(OSError, match="x"):
            filled.update()
    assert filled.status()["pending_changes"] == 1
    copy_index(filled.folder, target, "brute", host=host)
    with Index.open(index=target, host=host) as copy:
        assert copy.status()["pending_changes"] == 0
        assert copy.search("zebra", 1)[0].snippet.name == "zebra"
        assert copy.verify().ok


def test_a_writer_beside_does_not_matter(filled, host, target, monkeypatch):
    """The catalog is copied a page at a time, and written to after each."""
    monkeypatch.setattr(backup, "_PAGES", 1)
    writer = Catalog(filled.folder / "catalog.sqlite")
    pages = []

    def write(done, total):
        pages.append(done)
        with writer.transaction():
            writer.set_manifest({"note": "x" * 50_000 + str(done)})

    copy_catalog(filled.folder / "catalog.sqlite", target, write)
    writer.close()
    assert pages == list(range(1, len(pages) + 1)), "the copying began again"
    assert len(pages) > 5
    copy = Catalog(target, readonly=True)
    assert "note" not in copy.manifest(), "it is not of one moment"
    assert (copy.count("snippets"), copy.problems()) == (4, [])
    copy.close()


def test_the_plugin_of_the_sources_backend_is_not_needed(filled, host, target):
    with filled._store.writing() as catalog, catalog.transaction():
        catalog.set_manifest({"backend": {"name": "gone", "options": {"x": 1}}})
    assert copy_index(filled.folder, target, "brute", host=host).ok


def test_steps_are_shown(filled, host, target):
    shown = []

    @contextmanager
    def steps(what, unit):
        yield lambda done, total: shown.append((what, unit, done, total))

    copy_index(filled.folder, target, "brute", host=host, steps=steps)
    assert {(what, unit) for what, unit, *_ in shown} == {
        ("copying the catalog", "pages"),
        ("storing", "vectors"),
        ("measuring recall", "vectors"),
    }
    assert ("storing", "vectors", 4, 4) in shown


# -- what is refused ------------------------------------------------------------------------------


def test_a_copy_that_finds_too_little_is_removed(filled, host, target):
    blind = {"blind": "2"}  # every second query finds nothing
    report = copy_index(filled.folder, target, "tidy", blind, host=host)
    assert not report.ok
    assert report.recall.value == pytest.approx(0.5)
    assert "recall@10 is 0.500, less than 0.95" in report.problems[0]
    assert not target.exists()
    assert copy_index(filled.folder, target, "tidy", blind, min_recall=0.5, host=host).ok


def test_a_copy_whose_backend_loses_vectors_is_removed(filled, host, target, monkeypatch):
    add = moving_toys.TidyBackend.add

    def lose(self, ids, vectors, payloads):
        add(self, ids[1:], vectors[1:], payloads[1:])

    monkeypatch.setattr(moving_toys.TidyBackend, "add", lose)
    target.mkdir()
    report = copy_index(filled.folder, target, "tidy", host=host)
    assert "1 snippets have no vector in it" in report.problems[0]
    assert target.is_dir()
    assert {path.name for path in target.iterdir()} <= {".gitignore", "lock"}
    monkeypatch.undo()
    assert copy_index(filled.folder, target, "tidy", host=host).ok


@pytest.mark.parametrize("failure", [UnavailableError("gone"), KeyboardInterrupt(), OSError("x")])
def test_a_copy_that_fails_leaves_nothing(filled, host, target, monkeypatch, failure):
    def fail(self):
        raise failure

    monkeypatch.setattr(moving_toys.TidyBackend, "commit", fail)
    with pytest.raises(type(failure)):
        copy_index(filled.folder, target, "tidy", host=host)
    assert not target.exists()


def test_changes_that_sqlite_could_not_write_back_are_not_lost_in_silence(
    filled, host, target, monkeypatch
):
    close = Catalog.close

    def leave(self):
        close(self)
        if self.path.name.endswith(".new"):
            self.path.with_name(f"{self.path.name}-wal").write_bytes(b"x")

    monkeypatch.setattr(Catalog, "close", leave)
    with pytest.raises(StorageError, match="could not put its changes"):
        copy_index(filled.folder, target, "brute", host=host)
    assert not target.exists()


def test_mistakes_are_told_and_touch_nothing(tree, filled, host, target, tmp_path):
    folder = filled.folder
    with pytest.raises(NotFoundError, match="no backend 'brut'; installed: brute"):
        copy_index(folder, target, "brut", host=host)
    with pytest.raises(OptionError, match="has no option 'nprobe'"):
        copy_index(folder, target, "brute", {"nprobe": 1}, host=host)
    with pytest.raises(UsageError, match="from 0 to 1, not 95"):
        copy_index(folder, target, "brute", min_recall=95, host=host)
    with pytest.raises(NotFoundError, match="no catalog at"):
        copy_index(tmp_path, target, "brute", host=host)
    assert not target.exists()
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="holds an index already"):
        copy_index(folder, folder, "brute", host=host)
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(UsageError, match=r"not empty and holds no index, but '.codeindex'"):
        copy_index(folder, tree, "brute", host=host)
    with pytest.raises(UsageError, match="is a file"):
        copy_index(folder, tree / "fruit.txt", "brute", host=host)
    assert sorted(path.name for path in tree.iterdir()) == [
        ".codeindex",
        "fruit.txt",
        "tools.txt",
    ]


def test_an_index_without_vectors_is_not_copied(tree, opened, host, target):
    for path in tree.iterdir():
        path.unlink()
    (tree / "empty.txt").write_text("\n")
    opened.update()
    with pytest.raises(UsageError, match="holds no vectors yet"):
        copy_index(opened.folder, target, "brute", host=host)


def test_two_copies_into_one_folder_do_not_mix(filled, host, target):
    target.mkdir()
    with writing(target), pytest.raises(IndexLockedError):
        copy_index(filled.folder, target, "brute", host=host)
    assert target.exists()
    assert copy_index(filled.folder, target, "brute", host=host).ok


# -- killed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "kills"), [("brute", 12), ("tidy", 12), ("shelf", 20)])
def test_killed_at_any_call_there_is_no_index_or_a_whole_one(filled, target, shelf, backend, kills):
    """And where there is none, copying again makes it, though a server knows the first one."""
    filled.close()
    options = json.dumps(shelf if backend == "shelf" else {})
    done = subprocess.run(
        [
            *(sys.executable, str(Path(__file__).with_name("moving_victim.py"))),
            *(str(filled.folder), str(target), backend, options, str(kills)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == kills
    for row in rows:
        assert row["killed"], row
        assert (row["problems"], row["drift"], row["found"]) == ([], None, ["hammer"]), row
        assert not [name for name in row["left"] if ".new" in name], row
    assert any(not row["whole"] for row in rows)


# -- recall ---------------------------------------------------------------------------------------


class Numbers:
    """The catalog's side of `measure_recall`: vectors by id."""

    def __init__(self, vectors) -> None:
        self.by_id = dict(enumerate(vectors, 7))

    def snippet_ids(self):
        return sorted(self.by_id)

    def vectors(self, encoder, dim, ids):
        present = [id for id in ids if id in self.by_id]
        rows = np.array([self.by_id[id] for id in present], dtype=np.float32)
        return present, rows.reshape(-1, dim)


@pytest.fixture
def numbers(monkeypatch):
    monkeypatch.setattr("codeindex.recall._BLOCK", 37)
    rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    return Numbers(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def stored(tmp_path, numbers, keep=lambda id: True):
    backend = moving_toys.BruteForceBackend(tmp_path, 8, {})
    ids = [id for id in numbers.by_id if keep(id)]
    vectors = np.array([numbers.by_id[id] for id in ids])
    backend.add(ids, vectors, [Payload("a", "b", "c")] * len(ids))
    return backend


def test_exact_search_has_recall_one(tmp_path, numbers):
    recall = measure_recall(numbers, stored(tmp_path, numbers), 1, 8)
    assert (recall.value, recall.queries) == (1.0, 200)


def test_recall_is_the_part_of_the_nearest_that_is_found(tmp_path, numbers):
    """Against all pairs at once: a backend without every third vector."""
    backend = stored(tmp_path, numbers, lambda id: id % 3)
    recall = measure_recall(numbers, backend, 1, 8)
    every = np.array([numbers.by_id[id] for id in sorted(numbers.by_id)])
    scores = every @ every.T
    sampled = list(range(300))[:200]
    nearest = np.argsort(-scores, axis=1)[sampled, :10]
    expected = np.mean((nearest + 7) % 3 > 0)
    assert recall.value == pytest.approx(expected)
    assert 0.5 < recall.value < 0.8


def test_ties_are_as_good_as_one_another_and_zeros_ask_nothing(tmp_path):
    same = np.tile(np.eye(8, dtype=np.float32)[:1], (40, 1))
    numbers = Numbers(np.vstack([same, np.zeros((5, 8), dtype=np.float32)]))
    backend = stored(tmp_path, numbers, lambda id: id > 20)
    recall = measure_recall(numbers, backend, 1, 8)
    assert (recall.value, recall.queries) == (1.0, 40)


def test_of_few_vectors_all_are_to_be_found(tmp_path):
    numbers = Numbers(np.eye(8, dtype=np.float32)[:4])
    assert measure_recall(numbers, stored(tmp_path, numbers), 1, 8).value == 1.0
    assert measure_recall(numbers, stored(tmp_path, numbers, lambda id: id > 7), 1, 8).value == 0.75
