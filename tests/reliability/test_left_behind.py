"""What processes that were killed left beside a target goes; what is in use stays."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codeindex import Index
from codeindex.files import replacing, replacing_folder, scratch_beside

_VICTIM = """
import os, signal, sys
from pathlib import Path
from codeindex import files
with getattr(files, sys.argv[1])(Path(sys.argv[2])) as draft:
    if sys.argv[1] == "replacing":
        draft.write_text("half")
    else:
        (draft / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed_within(how, target):
    done = subprocess.run([sys.executable, "-c", _VICTIM, how, str(target)], check=False)
    assert done.returncode == -9


@pytest.mark.parametrize("how", ["replacing", "replacing_folder", "scratch_beside"])
def test_the_next_run_takes_away_what_a_killed_one_left(tmp_path, how):
    target = tmp_path / "result"
    _killed_within(how, target)
    assert [path.name != "result" for path in tmp_path.iterdir()] == [True]
    with replacing(target) as draft:
        draft.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_what_another_one_is_writing_stays(tmp_path):
    target = tmp_path / "result"
    with replacing(target) as first, scratch_beside(target) as scratch:
        with replacing(target) as second:
            second.write_text("second")
        assert first.exists()
        assert scratch.exists()
        first.write_text("first")
    assert target.read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_only_drafts_are_taken_away(tmp_path):
    others = [".result.local", ".result.abcd1234", ".results.abcd1234.codeindex-draft"]
    for name in others:
        (tmp_path / name).write_text("mine")
    with replacing(tmp_path / "result") as draft:
        draft.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "result"])


def test_between_two_renames_nothing_is_lost_until_there_is_a_whole_folder(tmp_path):
    target = tmp_path / "bundle"
    new, old = ".bundle.abcd1234.codeindex-draft", ".bundle.abcd1234.codeindex-draft.old"
    for name in (new, old):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with replacing_folder(target) as draft:
        assert (tmp_path / new / "file").exists()
        assert (tmp_path / old / "file").exists()
        (draft / "file").write_text("newest")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (target / "file").read_text() == "newest"


def test_a_run_without_changes_takes_away_what_a_killed_one_left_in_the_index(opened, tree, host):
    opened.update()
    place = opened._store.derived.place(opened._store.catalog).folder
    before = sorted(path.name for path in place.iterdir())
    (place / "gen9.json.tmp").write_text("half")
    (place / "work-1").mkdir()
    (place / "work-1" / "half").write_text("half")
    (place.parent / "faiss-1.1").mkdir()
    (place.parent / "faiss-1.1" / "gen1.json").write_text("{}")
    with Index.open(tree, host=host) as again:
        again.update()
        assert again.verify().ok
    assert sorted(path.name for path in place.iterdir()) == before
    assert [path.name for path in place.parent.iterdir()] == [place.name]
