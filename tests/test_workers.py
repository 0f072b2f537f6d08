"""Worker processes give what extracting in process gives, in order, and survive a crash."""

from __future__ import annotations

import dataclasses
import marshal
import os
import sys
from types import MappingProxyType

import pytest

from codeindex import Host, Snippet, workers
from codeindex.candidates import Candidate
from codeindex.catalog.rows import snippet_of, snippet_values
from codeindex.workers import extract_in_process, extract_in_workers


def candidates(folder, number):
    found = []
    for n in range(number):
        path = folder / f"m{n:03}.py"
        path.write_text(f'def f{n}(x):\n    """Number {n}."""\n    return x + {n}\n' * (1 + n % 3))
        status = path.stat()
        found.append(
            Candidate(
                path.name, path, "python", "python",
                status.st_size, status.st_mtime_ns, status.st_ctime_ns,
            )
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def host():
    return Host.load()


def test_workers_give_the_same_in_the_same_order(tmp_path, host):
    tasks = [(candidate, b"") for candidate in candidates(tmp_path, 40)]
    alone = list(extract_in_process(host, {}, tasks))
    together = list(extract_in_workers(host, {}, tasks, jobs=2))
    assert together == alone
    assert all(result.snippets for result in alone)


def test_a_known_digest_is_not_extracted_again(tmp_path, host):
    (candidate,) = candidates(tmp_path, 1)
    (first,) = extract_in_process(host, {}, [(candidate, b"")])
    (second,) = extract_in_workers(host, {}, [(candidate, first.digest)], jobs=1)
    assert second.unchanged
    assert second.snippets == ()


def test_a_file_that_kills_its_worker_is_skipped_and_the_others_are_not(
    tmp_path, host, monkeypatch
):
    tasks = [(candidate, b"") for candidate in candidates(tmp_path, 10)]
    original = workers._Worker._send

    def send(self, value):
        original(self, value)
        if isinstance(value, list) and any(row[0][0] == "m004.py" for row in value):
            self._process.kill()

    monkeypatch.setattr(workers._Worker, "_send", send)
    results = list(extract_in_workers(host, {}, tasks, jobs=2))
    assert [result.candidate.path for result in results] == [task[0].path for task in tasks]
    assert [r.candidate.path for r in results if r.skipped] == ["m004.py"]
    assert "crash" in next(r.skipped for r in results if r.skipped)


def test_a_vanished_file_and_a_bad_one_are_reasons_not_crashes(tmp_path, host):
    good, vanished, bad = candidates(tmp_path, 3)
    vanished.location.unlink()
    bad.location.write_text("def f(:\n")
    tasks = [(one, b"") for one in (good, vanished, bad)]
    results = list(extract_in_workers(host, {}, tasks, jobs=1))
    assert [bool(result.skipped) for result in results] == [False, True, True]
    assert "vanished" in results[1].skipped
    assert "syntax error at line 1" in results[2].skipped


def test_stopping_early_ends_the_processes(tmp_path, host):
    tasks = [(candidate, b"") for candidate in candidates(tmp_path, 60)]
    before = _children()
    running = extract_in_workers(host, {}, tasks, jobs=2)
    next(running)
    assert len(_children() - before) == 2
    running.close()
    assert _children() == before


def test_extra_facts_of_any_mapping_survive_the_pipe():
    extra = MappingProxyType({"a": (1, 2), "b": MappingProxyType({"c": None})})
    snippet = Snippet("p.py", "python", "function", "f", 1, 2, "def f(): ...", "", extra)
    values = marshal.loads(marshal.dumps(snippet_values(snippet)))  # noqa: S302
    assert snippet_of(values) == dataclasses.replace(snippet, extra={"a": [1, 2], "b": {"c": None}})
    with pytest.raises(TypeError, match="holds a set"):
        snippet_values(dataclasses.replace(snippet, extra={"a": {1}}))


def _children() -> set[int]:
    import psutil

    return {child.pid for child in psutil.Process(os.getpid()).children() if child.is_running()}


def test_nothing_of_the_folder_that_is_read_is_run(tmp_path, host, monkeypatch):
    """A file there may have the name of a module that the workers import."""
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    tasks = [(candidate, b"") for candidate in candidates(tmp_path, 3)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if entry])
    assert all(result.snippets for result in extract_in_workers(host, {}, tasks, jobs=1))
    assert not (tmp_path / "ran").exists()
