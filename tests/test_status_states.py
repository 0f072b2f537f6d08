"""What status says of an index in each state: complete, stopped, rebuilt, copied, pending."""

from __future__ import annotations

import json

import pytest

from codeindex import Index
from codeindex.chunk_writer import ChunkWriter
from codeindex.cli import run
from codeindex.copying import copy_index
from codeindex.finishing import finishing_command


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    for name in "abc":
        (tmp_path / "project" / f"{name}.py").write_text(f"def {name}():\n    return 1\n")
    return tmp_path / "project"


@pytest.fixture
def status(capsys):
    def call(*words):
        capsys.readouterr()
        assert run(["status", *map(str, words)]) == 0
        shown = capsys.readouterr().out
        assert run(["status", *map(str, words), "--json"]) == 0
        return shown, json.loads(capsys.readouterr().out)

    return call


def stop_after(chunks, monkeypatch):
    """A run that stores so many files and is stopped then."""
    stored, done = ChunkWriter.store, []

    def store(self, chunk):
        if len(done) == chunks:
            raise KeyboardInterrupt
        stored(self, chunk)
        done.append(1)

    with monkeypatch.context() as patch:
        patch.setattr("codeindex.indexing.CHUNK_SNIPPETS", 1)
        patch.setattr(ChunkWriter, "store", store)
        with Index.open(create=True) as index, pytest.raises(KeyboardInterrupt):
            index.update()


def test_a_complete_index(project, status):
    with Index.open(create=True) as index:
        index.update()
    shown, facts = status()
    assert "NOT COMPLETE" not in shown
    assert (facts["unfinished"], facts["drift"], facts["pending_changes"]) == (False, None, 0)


def test_a_stopped_run_is_told_also_after_a_rebuild_and_in_a_copy(project, status, monkeypatch):
    stop_after(2, monkeypatch)
    folder = project / ".codeindex"
    finish = f"codeindex index {project} --index {folder}"
    shown, facts = status()
    assert "NOT COMPLETE: a run of codeindex index has not read all files" in shown
    assert f"or was stopped; go on with: {finish}" in shown
    assert (facts["unfinished"], facts["finish"], facts["snippets"]) == (True, finish, 2)
    # The vectors are all there; but a file is still unread.
    assert run(["rebuild"]) == 0
    shown, facts = status()
    assert "NOT COMPLETE" in shown
    assert (facts["unfinished"], facts["drift"], facts["backend_vectors"]) == (True, None, 2)
    copy_index(folder, project.parent / "copy", "faiss")
    shown, facts = status("--index", project.parent / "copy")
    assert facts["unfinished"]
    assert f"--index {project.parent / 'copy'}" in facts["finish"]
    assert run(finish.split()[1:]) == 0
    shown, facts = status()
    assert "NOT COMPLETE" not in shown
    assert (facts["unfinished"], facts["snippets"], facts["backend_vectors"]) == (False, 3, 3)


def test_a_first_run_that_was_killed_at_its_first_files(project, status, monkeypatch):
    def die(derived, catalog):
        if catalog.count("outbox"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("codeindex.derived.DerivedIndex.apply", die)  # also when it tidies up
        with Index.open(create=True) as index, pytest.raises(KeyboardInterrupt):
            index.update()
    shown, facts = status()
    assert facts["unfinished"]
    assert "updated   never finished" in shown
    assert "pending   3 changes that the backend does not have yet;" in shown
    assert f"apply them with: {facts['finish']}" in shown
    assert run(["index"]) == 0
    shown, facts = status()
    assert "pending" not in shown
    assert (facts["unfinished"], facts["pending_changes"], facts["drift"]) == (False, 0, None)


def test_the_command_that_goes_on(tmp_path):
    folder = tmp_path / "my tree" / ".codeindex"
    assert finishing_command({"root": ".."}, folder) == (
        f"codeindex index '{tmp_path / 'my tree'}' --index '{folder}'"
    )
    assert finishing_command({"texts": {"recipe": "paper"}}, tmp_path) == (
        f"codeindex verify --repair --index {tmp_path}"
    )
