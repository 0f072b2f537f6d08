"""The backend `qdrant-edge`: readers beside a writer, failing commits, damage, the lock."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from codeindex.errors import DamagedIndexError, IndexLockedError, StorageError
from codeindex.filters import Filter, Payload

pytest.importorskip("qdrant_edge")

from edge_toys import EVERYTHING, add, committed, found, opened, payload, state, vectors

from codeindex_qdrant.edge import generation, shard, sparse
from codeindex_qdrant.edge_spec import EdgeOptions

IDS = list(range(60))


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory, monkeypatch):
    """Where copies for searching are made."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def large(monkeypatch):
    """Files that would be large in a large index stand apart in a small one."""
    monkeypatch.setattr(generation, "_APART_FROM", 1)


# -- what is committed stays as it is ----------------------------------------------------------


@pytest.mark.parametrize("optimized", [False, True])
def test_searching_changes_no_file_and_leaves_none(tmp_path, scratch, large, optimized):
    writer = opened(tmp_path, exact_below=1)
    add(writer, IDS)
    if optimized:
        writer.optimize()
    files = writer.commit()
    writer.close()
    assert len(files) > 2, "nothing stands apart"
    before = state(tmp_path)
    for _ in range(2):
        reader = opened(tmp_path, files, exact_below=1)
        assert not list(scratch.iterdir()), "killed now, it would leave files behind"
        assert [found(reader, id) for id in IDS] == IDS
        assert reader.search(vectors([1]), 5, Filter(kinds=("odd",)))[0][0].id == 1
        assert reader.ids() == IDS
        reader.facts()
        reader.remove([1000])
        reader.add([], vectors([]), [])
        assert reader.commit() == files
        reader.close()
    assert state(tmp_path) == before
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("optimized", [False, True])
def test_changing_leaves_the_generation_before(tmp_path, large, optimized):
    writer = opened(tmp_path)
    add(writer, IDS)
    if optimized:
        writer.optimize()
    files = writer.commit()
    before = {name: digest for name, digest in state(tmp_path).items() if name in files}
    writer.remove(IDS[:20])
    add(writer, [100, *IDS[30:40]])
    if optimized:
        writer.optimize()
    after = writer.commit()
    writer.close()
    assert {name: digest for name, digest in state(tmp_path).items() if name in files} == before
    assert not set(files) & set(after)
    for name, digest in after.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    for named, ids in ((files, IDS), (after, [*IDS[20:], 100])):
        reader = opened(tmp_path, named)
        assert reader.ids() == ids
        assert [found(reader, id) for id in ids] == ids
        reader.close()


def test_what_did_not_change_is_not_stored_twice(tmp_path, large):
    writer = opened(tmp_path)
    add(writer, IDS)
    writer.optimize()
    first = writer.commit()
    writer.remove([1])
    second = writer.commit()
    writer.close()
    inodes = [{(tmp_path / name).stat().st_ino for name in files} for files in (first, second)]
    assert inodes[0] & inodes[1]


@pytest.mark.parametrize("lacking", ["links", "write access"])
def test_where_files_cannot_be_linked_they_are_copied(tmp_path, large, monkeypatch, lacking):
    def refuse(*arguments, **named):
        raise OSError(errno.EXDEV, "no links here")

    if lacking == "links":
        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr(os, "symlink", refuse)
    else:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    writer = opened(tmp_path)
    add(writer, IDS)
    writer.optimize()
    writer.commit()
    add(writer, [100])
    files = writer.commit()
    writer.close()
    reader = opened(tmp_path, files)
    assert [found(reader, id) for id in [*IDS, 100]] == [*IDS, 100]
    reader.close()


READER = """
import json, sys
from pathlib import Path
from codeindex.errors import DamagedIndexError
from edge_toys import EVERYTHING, opened, vectors

folder, pointer = Path(sys.argv[1]), Path(sys.argv[2])
seen, last = 0, None
print("ready", flush=True)
while True:
    now = json.loads(pointer.read_text())
    try:
        reader = opened(folder, now["files"])
    except DamagedIndexError:
        assert json.loads(pointer.read_text()) != now, "a committed generation is damaged"
        continue
    for _ in range(5):
        hits = reader.search(vectors([0]), 1000, EVERYTHING)[0]
        assert sorted(hit.id for hit in hits) == list(range(now["count"])), "a torn answer"
    reader.close()
    seen += 1
    if now["last"]:
        break
print(seen)
"""


def test_readers_in_other_processes_beside_a_writer(tmp_path):
    folder, pointer = tmp_path / "index", tmp_path / "pointer"
    folder.mkdir()

    def publish(files, count, last):
        new = pointer.with_suffix(".new")
        new.write_text(json.dumps({"files": dict(files), "count": count, "last": last}))
        new.replace(pointer)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            if path.relative_to(folder).as_posix() not in files:
                path.unlink()  # as the host does

    writer = opened(folder)
    add(writer, list(range(10)))
    publish(writer.commit(), 10, False)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(folder), str(pointer)],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for count in range(20, 90, 10):
        add(writer, list(range(count - 10, count)))
        publish(writer.commit(), count, count == 80)
    writer.close()
    for reader in readers:
        out, error = reader.communicate(timeout=120)
        assert (reader.returncode, error) == (0, "")
        assert int(out) > 0


# -- one writer --------------------------------------------------------------------------------


def test_a_second_writer_is_refused_until_the_first_has_committed(tmp_path):
    files = committed(tmp_path, IDS)
    first, second = opened(tmp_path, files), opened(tmp_path, files)
    add(first, [100])
    for change in (lambda: add(second, [101]), lambda: second.remove([1]), second.optimize):
        with pytest.raises(IndexLockedError, match="another process is changing"):
            change()
    assert second.ids() == IDS
    first.commit()
    add(second, [101])
    second.close()
    first.close()
    third = opened(tmp_path, files)
    third.remove([1])
    third.close()


def test_closed_without_commit_nothing_is_left(tmp_path):
    files = committed(tmp_path, IDS)
    backend = opened(tmp_path, files)
    before = set(tmp_path.iterdir())
    add(backend, [100])
    assert set(tmp_path.iterdir()) - before
    backend.close()
    assert {path for path in tmp_path.iterdir() if path.is_dir()} <= before


# -- failing -----------------------------------------------------------------------------------


def test_a_commit_that_fails_can_be_made_again(tmp_path, large, monkeypatch):
    files = committed(tmp_path, IDS)
    backend = opened(tmp_path, files)
    add(backend, [100])

    def fail(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(generation, "_sync_folder", fail)
        with pytest.raises(StorageError, match="No space left"):
            backend.commit()
    assert [path.name for path in tmp_path.glob("generation-*")] == ["generation-000001"]
    assert backend.ids() == [*IDS, 100]
    backend.remove([0])
    again = backend.commit()
    backend.close()
    reader = opened(tmp_path, again)
    assert reader.ids() == [*IDS[1:], 100]
    reader.close()


def test_a_folder_that_cannot_be_written_is_no_plugin_error(tmp_path, monkeypatch):
    files = committed(tmp_path, IDS)
    backend = opened(tmp_path, files)

    def fail(**arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkdtemp", fail)
        with pytest.raises(StorageError, match="Permission denied"):
            add(backend, [100])
        with pytest.raises(StorageError, match="cannot write .*codeindex-edge"):
            opened(tmp_path, files)
    add(backend, [100])
    backend.close()


def spoil(path, old, new):
    data = path.read_bytes()
    assert old in data
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize("keep", [0, 1, 30, 500, 0.5, 0.99])
def test_a_truncated_pack_is_told(tmp_path, keep):
    files = committed(tmp_path, IDS)
    (pack,) = (tmp_path / name for name in files)
    data = pack.read_bytes()
    pack.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(DamagedIndexError):
        opened(tmp_path, files)


def test_a_missing_file_is_told(tmp_path, large):
    files = committed(tmp_path, IDS)
    for name in files:
        path = tmp_path / name
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(DamagedIndexError):
            opened(tmp_path, files)
        path.write_bytes(data)
    with pytest.raises(DamagedIndexError, match="no pack"):
        opened(tmp_path, {"generation-000001/other": "0"})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"name": "edge_config.json"', b'"name": "../e_config.json"'),
        (b'"name": "edge_config.json"', b'"name": "/tmp/config.jso"'[:26]),
        (b'"name": "edge_config.json"', b'"name": "a/b/../../../c.j"'[:26]),
        (b'"format": 1', b'"format": 7'),
        (b'"size"', b'"xxxx"'),
        (b'"pieces"', b'"xxxxxx"'),
        (b'"distance":"Dot"', b'"distance":"Toc"'),
    ],
)
def test_a_pack_of_something_else_is_refused(tmp_path, scratch, old, new):
    folder = tmp_path / "index"
    folder.mkdir()
    files = committed(folder, IDS)
    (pack,) = (folder / name for name in files)
    spoil(pack, old, new if len(new) == len(old) else new.ljust(len(old)))
    before = state(tmp_path)
    with pytest.raises(DamagedIndexError):
        opened(folder, files)
    assert state(tmp_path) == before
    assert not list(scratch.iterdir())


def test_vectors_of_another_dimension_are_told(tmp_path):
    from codeindex_qdrant.edge.backend import EdgeBackend

    files = committed(tmp_path, IDS)
    with pytest.raises(DamagedIndexError):
        EdgeBackend(tmp_path, 8, files, EdgeOptions())


def test_a_panic_of_the_engine_is_an_error_of_the_index():
    class PanicException(BaseException):  # as pyo3 calls it
        pass

    with pytest.raises(DamagedIndexError, match="cannot look: out of range"):
        with shard._failing_as(DamagedIndexError, "cannot look"):
            raise PanicException("out of\nrange")
    with pytest.raises(KeyboardInterrupt):
        with shard._failing_as(DamagedIndexError, "cannot look"):
            raise KeyboardInterrupt


# -- answers -----------------------------------------------------------------------------------


def test_many_ties_come_by_id(tmp_path):
    backend = opened(tmp_path)
    ids = [2**62 - id for id in range(300)]
    backend.add(ids, vectors([1] * len(ids)), [payload(1)] * len(ids))
    backend.add([5], vectors([2]), [payload(2)])
    both = backend.search(vectors([1, 2]), 3, EVERYTHING)
    assert [hit.id for hit in both[0]] == sorted(ids)[:3]
    assert [hit.id for hit in both[1]] == [5, *sorted(ids)[:2]]
    backend.close()


def test_facts_say_how_it_is_kept(tmp_path):
    empty = opened(tmp_path)
    assert empty.facts()["points"] == 0
    files = committed(tmp_path, IDS)
    backend = opened(tmp_path, files)
    facts = backend.facts()
    assert (facts["type"], facts["points"], facts["indexed_points"]) == ("exact", len(IDS), 0)
    assert facts["bytes"] == sum((tmp_path / name).stat().st_size for name in files)
    backend.optimize()
    assert backend.facts()["type"] == "hnsw"
    json.dumps(backend.facts())
    backend.close()


def test_a_negative_id_is_refused(tmp_path):
    backend = opened(tmp_path)
    with pytest.raises(ValueError, match="negative"):
        backend.add([-1], vectors([1]), [Payload("a", "b", "c")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["m", "ef_construct", "ef", "exact_below", "exact_filtered", "threads"]
)
def test_options_that_no_engine_takes_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}=-1: expected at least"):
        EdgeOptions(**{name: -1})


def test_on_disk_answers_the_same(tmp_path):
    backend = opened(tmp_path, on_disk=True, threads=1, exact_below=1)
    add(backend, IDS)
    backend.optimize()
    files = backend.commit()
    backend.close()
    reader = opened(tmp_path, files, on_disk=True, threads=2, exact_below=1, ef=200)
    assert [found(reader, id) for id in IDS] == IDS
    reader.close()


# -- holes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["tells of holes", "tells of none", "has no such thing"])
def test_a_file_with_holes_is_copied_whole(tmp_path, monkeypatch, system):
    if system == "tells of none":

        def refuse(*arguments):
            raise OSError(errno.EINVAL, "no holes here")

        monkeypatch.setattr(os, "lseek", refuse)
    elif system == "has no such thing":
        monkeypatch.delattr(os, "SEEK_DATA")
    for number, parts in enumerate(
        [[], [(0, b"a")], [(9_000_000, b"b" * 5000)], [(1, b"a"), (5_000_001, b"\0b" * 9000)]]
    ):
        source, target = tmp_path / f"{number}", tmp_path / f"{number}.copy"
        sparse.write(source, 10_000_000, iter(parts))
        sparse.copy(source, target)
        assert target.read_bytes() == source.read_bytes()
        assert sum(len(data) for _, data in sparse.pieces(source)) < 40_000
    (tmp_path / "empty").touch()
    assert list(sparse.pieces(tmp_path / "empty")) == []
