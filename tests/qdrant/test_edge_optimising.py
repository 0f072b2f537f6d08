"""Optimizing `qdrant-edge`: in a process of its own, and all or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from codeindex.errors import StorageError

pytest.importorskip("qdrant_edge")

from edge_toys import EVERYTHING, add, committed, found, opened, vectors

from codeindex_qdrant.edge import backend as backend_module

IDS = list(range(60))


@pytest.fixture
def instead(tmp_path_factory, monkeypatch):
    """Has a shell script run in place of the interpreter; $PYTHON is the real one."""

    def put(script):
        path = tmp_path_factory.mktemp("bin") / "python"
        path.write_text(f"#!/bin/sh\nPYTHON={sys.executable}\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return put


def folders(folder):
    return {path.name for path in folder.iterdir() if path.is_dir()}


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("kill -9 $$", StorageError, "ended with -9"),
        ("echo out of memory >&2; exit 1", StorageError, "out of memory"),
        ("cat; kill -INT $PPID; exec sleep 1000", KeyboardInterrupt, None),
    ],
)
def test_stopped_it_has_done_nothing(tmp_path, instead, script, error, message, changed):
    files = committed(tmp_path, IDS)
    backend = opened(tmp_path, files)
    if changed:
        add(backend, [100])
    ids, before = backend.ids(), folders(tmp_path)
    instead(script)
    with pytest.raises(error, match=message):
        backend.optimize()
    assert backend.ids() == ids
    assert [found(backend, id) for id in ids] == ids
    assert backend.facts()["type"] == "exact"
    assert folders(tmp_path) == before
    if not changed:
        assert backend.commit() == files
        other = opened(tmp_path, files)
        add(other, [7])  # the lock is free
        other.close()
    again = backend.commit()
    backend.close()
    reader = opened(tmp_path, again)
    assert reader.ids() == ids
    reader.close()


def test_searches_are_answered_meanwhile(tmp_path, instead, tmp_path_factory):
    backend = opened(tmp_path, committed(tmp_path, IDS))
    flag = tmp_path_factory.mktemp("flag") / "go"
    instead(f'while [ ! -e "{flag}" ]; do sleep 0.02; done; exec "$PYTHON" "$@"')
    thread = threading.Thread(target=backend.optimize)
    thread.start()
    assert [found(backend, id) for id in IDS] == IDS
    assert thread.is_alive()
    flag.touch()
    thread.join()
    assert backend.facts()["type"] == "hnsw"
    assert [found(backend, id) for id in IDS] == IDS
    backend.close()


def test_what_the_other_process_prints_stays_there(tmp_path, capfd, instead):
    backend = opened(tmp_path, committed(tmp_path, IDS))
    instead('echo "a line of the engine"; exec "$PYTHON" "$@"')
    backend.optimize()
    assert backend.facts()["type"] == "hnsw"
    backend.close()
    assert capfd.readouterr().out == ""


def test_code_in_the_present_folder_is_not_run(tmp_path, monkeypatch, tmp_path_factory):
    backend = opened(tmp_path, committed(tmp_path, IDS))
    hostile = tmp_path_factory.mktemp("hostile")
    (hostile / "json.py").write_text("raise SystemExit('run')")
    (hostile / "codeindex_qdrant.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(hostile)
    backend.optimize()
    assert backend.facts()["type"] == "hnsw"
    backend.close()


def test_changes_made_before_are_in_it_and_changes_after_too(tmp_path):
    backend = opened(tmp_path, committed(tmp_path, IDS))
    add(backend, [100])
    backend.remove([3])
    backend.optimize()
    add(backend, [101, 5])
    backend.remove([4])
    ids = [id for id in IDS if id not in (3, 4)] + [100, 101]
    for _ in range(2):
        assert backend.ids() == ids
        assert [found(backend, id) for id in ids] == ids
        files = backend.commit()
        backend.close()
        backend = opened(tmp_path, files)
    backend.close()


def test_an_empty_index_has_nothing_to_optimize(tmp_path):
    backend = opened(tmp_path)
    assert not backend.needs_optimizing()
    backend.optimize()
    assert backend.commit() == {}
    backend.close()


def test_worth_it_when_a_fifth_came_or_went(tmp_path, monkeypatch):
    monkeypatch.setattr(backend_module, "_WORTH_A_GRAPH", 10)
    backend = opened(tmp_path)
    add(backend, list(range(10)))
    assert not backend.needs_optimizing(), "so few are searched fast enough"
    add(backend, IDS)
    assert backend.needs_optimizing()
    backend.optimize()
    assert not backend.needs_optimizing()
    files = backend.commit()
    backend.close()
    backend = opened(tmp_path, files)
    add(backend, [100, 101, 102, 103, 104, 105])
    backend.remove([1, 2, 3, 4, 5, 1000])
    assert not backend.needs_optimizing()
    files = backend.commit()
    backend.remove([6, 7])
    assert backend.needs_optimizing()
    backend.close()


def test_paths_that_are_gone_are_forgotten(tmp_path):
    backend = opened(tmp_path)
    add(backend, [1, 2, 3])
    backend.remove([2])
    backend.optimize()
    matched, others = backend._notes.paths.split("m1*")
    assert (matched, others) == (["package1/m1.py"], ["package0/m3.py"])
    assert len(backend.search(vectors([1]), 9, EVERYTHING)[0]) == 2
    backend.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_with_its_parent():
    child = (
        "import os, time; from codeindex_qdrant.edge.optimising import _end_with_parent;"
        "_end_with_parent(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 30
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    if _alive(pid):
        os.kill(pid, signal.SIGKILL)
        pytest.fail("it outlived its parent")


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
