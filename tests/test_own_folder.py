"""An index has a folder of its own: nothing that lay there before is touched."""

from __future__ import annotations

import pytest

from codeindex import Index
from codeindex.cli import run
from codeindex.errors import UsageError
from codeindex.location import make_folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Sources, a repository, and a folder that is called as a part of an index is."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / ".gitignore").write_text("*.log\n")
    (root / "backend").mkdir()
    (root / "backend" / "server.py").write_text("def serve():\n    return 1\n")
    (root / "tool.py").write_text("def tool():\n    return 1\n")
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    "words",
    [
        ["index", ".", "--index", "."],
        ["index", "backend", "--index", "."],
        ["index", "empty", "--index", "."],
        ["index", ".", "--index", "backend"],
        ["index", ".", "--index", "tool.py"],
        ["index", ".", "--index", ".", "--encoder", "onnx", "-E", "path=nosuch"],
    ],
)
def test_a_folder_with_other_files_is_refused_and_left_as_it_was(project, capsys, words):
    (project / "empty").mkdir()
    before = contents(project)
    assert run(words) == 2
    assert contents(project) == before
    said = capsys.readouterr().err
    assert "folder of its own" in said or "is a file" in said or "nosuch" in said


def test_a_copy_does_not_take_a_folder_called_backend_for_its_own(project, tmp_path, capsys):
    assert run(["--quiet", "index", "tool.py", "--index", str(tmp_path / "idx")]) == 0
    (project / "only").mkdir()
    (project / "backend").rename(project / "only" / "backend")
    (project / ".gitignore").rename(project / "only" / ".gitignore")
    before = contents(project)
    target = ["--to", "faiss", "-o", "only"]
    assert run(["copy", "--index", str(tmp_path / "idx"), *target]) == 2
    assert contents(project) == before
    assert "is not empty and holds no index, but '.gitignore' and 1 more" in capsys.readouterr().err


def test_the_default_place_is_refused_as_well(project):
    (project / ".codeindex").mkdir()
    (project / ".codeindex" / "notes.txt").write_text("mine")
    with Index.open(project, create=True) as index, pytest.raises(UsageError, match=r"notes\.txt"):
        index.update()
    assert (project / ".codeindex" / "notes.txt").read_text() == "mine"


def test_what_a_killed_run_has_left_is_no_hindrance(project):
    left = project / ".codeindex"
    make_folder(left)
    (left / "backend" / "faiss-1").mkdir(parents=True)
    (left / "lock").touch()
    (left / "catalog.sqlite.new-wal").write_text("half")
    with Index.open(project, create=True) as index:
        index.update()
        assert index.search("serve")


def test_an_ignore_file_that_was_not_written_is_no_hindrance_and_no_licence(project):
    left = project / ".codeindex"
    left.mkdir()
    (left / ".gitignore").touch()
    with Index.open(project, create=True) as index:
        index.update()
    assert (left / ".gitignore").read_text().startswith("# Made by codeindex")
    (project / ".gitignore").write_text("")
    (project / "tool.py").unlink()
    (project / ".git" / "HEAD").unlink()
    (project / ".git").rmdir()
    other = project / "other"
    other.mkdir()
    (project / "backend").rename(other / "backend")
    (other / ".gitignore").touch()
    with Index.open(other, index=other, create=True) as index:
        with pytest.raises(UsageError, match="'backend'"):
            index.update()
    assert (other / "backend" / "server.py").exists()


def test_a_run_that_stores_nothing_takes_only_its_own_files_away(tmp_path):
    (tmp_path / "nothing").mkdir()
    place = tmp_path / "place"
    with Index.open(tmp_path / "nothing", index=place, create=True) as index:
        index.update()
        (place / "mine.txt").write_text("put there meanwhile")
    assert {path.name for path in place.iterdir()} <= {"lock", ".gitignore", "mine.txt"}
    with Index.open(tmp_path / "nothing", index=place, create=True) as index:
        with pytest.raises(UsageError, match=r"mine\.txt"):
            index.update()
    assert (place / "mine.txt").exists()
