"""Crashes, damage and odd storage: the index opens, and holds the old state or the new."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import contextmanager

import pytest

from codeindex import Index, sync
from codeindex.catalog.catalog import Catalog
from codeindex.catalog.schema import MIGRATIONS
from codeindex.errors import DamagedIndexError, IndexVersionError, StorageError


def backend_file(index):
    (path,) = (index.folder / "backend").rglob("gen*.json")
    return path


@pytest.fixture
def filled(opened):
    opened.update()
    return opened


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["add", "commit"])
def test_killed_between_catalog_and_backend(tree, filled, host, monkeypatch, step):
    (tree / "new.txt").write_text("zebra stripes\n")
    (tree / "tools.txt").write_text("saw sharp teeth\n")

    def die(*arguments, **named):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sync, step, die)
        with pytest.raises(Killed):
            filled.update()
    filled.close()
    with Index.open(tree, host=host) as again:
        assert again.search("zebra stripes", 1)[0].snippet.name == "zebra"
        assert "hammer" not in [r.snippet.name for r in again.search("hammer")]
        assert again.verify().ok


def test_killed_after_the_backend_wrote_and_before_the_catalog_knew(
    tree, filled, host, monkeypatch
):
    (tree / "new.txt").write_text("zebra stripes\n")
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "done", lambda self, up_to: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            filled.update()
    filled.close()
    with Index.open(tree, host=host) as again:
        assert again.search("zebra stripes", 1)[0].snippet.name == "zebra"
        assert again.verify().ok
        assert len(list((again.folder / "backend").rglob("gen*.json"))) == 1


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_backend_is_rebuilt_without_embedding(tree, filled, host, toys, damage):
    path = backend_file(filled)
    data = bytearray(path.read_bytes())
    filled.close()
    if damage == "delete":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data if damage == "flip" else data[:10]))
    embedded = len(toys.embedded)
    with Index.open(tree, host=host) as again:
        assert not again.verify().ok
        assert again.search("iron", 1)[0].snippet.name == "hammer"
        assert again.verify().ok
    assert len(toys.embedded) == embedded


def test_verify_finds_a_flip_that_left_size_and_time_alone(tree, filled, host):
    path = backend_file(filled)
    filled.close()
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[data.index(b"0.")] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with Index.open(tree, host=host) as again:
        assert "its digest differs" in again.verify().problems[0]
        assert again.verify(repair=True).ok
        assert again.verify().ok


def test_an_index_that_was_copied_is_checked_and_works(tree, filled, host, tmp_path):
    filled.close()
    shutil.copytree(tree, tmp_path / "copy", copy_function=shutil.copyfile)
    with Index.open(tmp_path / "copy", host=host) as copy:
        assert copy.search("iron", 1)[0].snippet.name == "hammer"
        assert copy.verify().ok


def test_verify_finds_and_repairs_what_is_planted(tree, filled, host):
    place = filled._store.derived.place(filled._store.catalog)
    backend = sync.open_backend(host, place, filled._store.manifest()["backend_files"], {}).inner
    id = backend.ids()[0]
    vector, payload = backend.rows[id]
    backend.rows[id] = (-vector, payload)
    backend.rows[999] = (vector, payload)
    del backend.rows[backend.ids()[1]]
    catalog = Catalog(filled.folder / "catalog.sqlite")
    with catalog.transaction():
        catalog.set_manifest({"backend_files": dict(backend.commit())})
        catalog._connection.execute("DELETE FROM vectors WHERE id = 1")
    catalog.close()
    problems = "\n".join(filled.verify().problems)
    assert "1 snippets have no vector in it" in problems
    assert "1 vectors belong to no snippet" in problems
    assert "sampled vectors differ" in problems
    assert "1 snippets were never embedded" in problems
    repaired = filled.verify(repair=True)
    assert repaired.ok, repaired.problems
    assert len(repaired.repaired) == 4
    assert filled.verify().ok


def test_words_out_of_step_are_found_and_repaired(filled):
    catalog = Catalog(filled.folder / "catalog.sqlite")
    with catalog.transaction():
        catalog._words.clear()
    catalog.close()
    assert "word index lacks 4" in filled.verify().problems[0]
    assert filled.verify(repair=True).ok


def test_a_damaged_catalog_is_said_with_the_remedy(tree, filled, host):
    filled.close()
    path = filled.folder / "catalog.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(DamagedIndexError, match="damaged.*delete the folder.*codeindex index"):
        Index.open(tree, host=host)


def test_an_index_of_a_newer_version_is_refused_untouched(tree, filled, host):
    filled.close()
    with sqlite3.connect(filled.folder / "catalog.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(IndexVersionError, match="newer version; upgrade codeindex"):
        Index.open(tree, host=host)


def test_disk_full_while_the_backend_writes_loses_nothing(tree, filled, host, monkeypatch):
    (tree / "new.txt").write_text("zebra stripes\n")
    backend = type(filled._store.backend())

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(backend, "commit", full)
        with pytest.raises(OSError, match="No space left"):
            filled.update()
    filled.close()
    with Index.open(tree, host=host) as again:
        assert again.search("zebra stripes", 1)[0].snippet.name == "zebra"
        assert again.verify().ok


def test_disk_full_in_the_catalog_is_a_clear_error_and_rolls_back(tree, filled):
    catalog = filled._store.catalog
    pages = catalog._connection.execute("PRAGMA page_count").fetchone()[0]
    catalog._connection.execute(f"PRAGMA max_page_count = {pages}")
    (tree / "new.txt").write_text("\n\n".join(f"word{n} " + "x " * 500 for n in range(300)))
    with pytest.raises(StorageError, match="no space left.*committed before is kept"):
        filled.update()
    catalog._connection.execute("PRAGMA max_page_count = 1073741823")
    assert len(list(filled.snippets())) == 4
    assert filled.update().snippets == 304
    assert filled.verify().ok


def test_a_folder_that_cannot_be_made_is_a_clear_error(tree, host):
    (tree / ".codeindex").write_text("a file is in the way")
    with Index.open(tree, create=True, host=host) as index:
        with pytest.raises(StorageError, match="cannot make the index folder.*another place"):
            index.update()


def test_a_read_only_index_is_searched(tree, filled, host, monkeypatch):
    filled.close()
    monkeypatch.setattr("codeindex.catalog.connection.os.access", lambda path, mode: False)

    @contextmanager
    def refuse(folder, **named):
        raise StorageError("read-only")
        yield

    monkeypatch.setattr("codeindex.store.writing", refuse)
    with Index.open(tree, host=host) as index:
        assert index.search("iron", 1)[0].snippet.name == "hammer"
        assert index.verify().ok
        with pytest.raises(StorageError):
            index.update()


def test_what_a_stopped_run_finished_is_kept(tree, filled, host, monkeypatch):
    monkeypatch.setattr("codeindex.indexing.CHUNK_SNIPPETS", 1)
    for path in tree.glob("*.txt"):
        os.utime(path, ns=(10**18, 10**18))
    filled.update()
    for number in range(5):
        (tree / f"n{number}.txt").write_text(f"number{number} text\n")
    calls = []

    def stop(done, total):
        calls.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled.update(progress=stop)
    assert calls[-1][0] == 2
    assert len(list(filled.snippets())) == 6
    assert filled.verify().ok
    assert filled.update().snippets == 9


def test_a_copy_of_a_tree_with_its_index_still_works(tree, filled, host, tmp_path):
    filled.close()
    shutil.copytree(tree, tmp_path / "copy")
    with Index.open(tmp_path / "copy", host=host) as copy:
        assert copy.root == tmp_path / "copy"
        assert copy.search("iron", 1)[0].snippet.name == "hammer"


def test_a_catalog_is_made_whole_or_not_at_all(tree, host, monkeypatch):
    def die(*arguments, **named):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "set_manifest", die)
        with Index.open(tree, create=True, host=host) as index, pytest.raises(Killed):
            index.update()
    folder = tree / ".codeindex"
    assert not (folder / "catalog.sqlite").exists()
    (folder / "catalog.sqlite.new").write_bytes(b"half a file")
    with Index.open(tree, create=True, host=host) as index:
        assert index.update().snippets == 4
    assert not (folder / "catalog.sqlite.new").exists()


def test_a_run_that_was_stopped_is_told_until_one_has_read_all(tree, opened, host, monkeypatch):
    from codeindex.chunk_writer import ChunkWriter

    stored = ChunkWriter.store

    with monkeypatch.context() as patch:
        patch.setattr("codeindex.indexing.CHUNK_SNIPPETS", 1)
        calls = []

        def store_once(self, chunk):
            if calls:
                raise KeyboardInterrupt
            calls.append(1)
            stored(self, chunk)

        patch.setattr(ChunkWriter, "store", store_once)
        with pytest.raises(KeyboardInterrupt):
            opened.update()
    assert opened.unfinished()
    assert opened.status()["unfinished"]
    assert opened.search("iron")
    opened.update()
    assert not opened.unfinished()
    assert not opened.status()["unfinished"]
