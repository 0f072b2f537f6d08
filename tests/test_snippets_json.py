"""code_snippets.json: the workflow's fields, written as they come, whole or not at all."""

from __future__ import annotations

import json

import pytest

from codeindex import Snippet
from codeindex.errors import StorageError
from codeindex.snippets_json import write_snippets


def snippet(kind="function", lines=60, docstring="Doc.", **extra):
    return Snippet("r/a.py", "python", kind, "A.f", 3, 2 + lines, "x\n" * lines, docstring, extra)


def test_the_fields_in_the_workflows_order(tmp_path):
    facts = {"paper_id": "1", "paper_title": "T", "file_path": "a.py", "repo_name": "r"}
    counts = write_snippets([snippet(**facts)], tmp_path / "o.json")
    (row,) = json.loads((tmp_path / "o.json").read_text())
    assert list(row) == [
        *("paper_id", "paper_title", "paper_abstract", "paper_url", "repo_name", "repo_url"),
        *("file_path", "function_name", "code_text", "line_numbers", "has_docstring", "num_lines"),
    ]
    assert (row["paper_abstract"], row["file_path"], row["function_name"]) == ("", "a.py", "A.f")
    assert (row["line_numbers"], row["num_lines"]) == ({"start": 3, "end": 62}, 60)
    assert (counts.read, counts.written) == (1, 1)


def test_what_is_short_undocumented_or_no_function_is_left_out(tmp_path):
    given = [snippet(lines=49), snippet(lines=50), snippet(docstring=""), snippet(kind="class")]
    counts = write_snippets(given, tmp_path / "o.json")
    assert (counts.read, counts.written) == (3, 1)
    counts = write_snippets(given, tmp_path / "o.json", min_lines=0, require_docstring=False)
    assert counts.written == 3


def test_nothing_is_an_empty_list_and_odd_characters_are_written(tmp_path):
    write_snippets([], tmp_path / "o.json")
    assert json.loads((tmp_path / "o.json").read_text()) == []
    write_snippets([snippet(docstring="x", paper_title="\u00e9\ud800")], tmp_path / "o.json")
    assert json.loads((tmp_path / "o.json").read_text("utf-8"))[0]["paper_title"] == "é?"


def test_an_error_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "o.json").write_text("old")

    def breaking():
        yield snippet()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_snippets(breaking(), tmp_path / "o.json")
    assert [p.name for p in tmp_path.iterdir()] == ["o.json"]
    assert (tmp_path / "o.json").read_text() == "old"


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StorageError, match="cannot write"):
        write_snippets([], tmp_path / "none" / "o.json")


def test_nothing_to_write_leaves_an_older_file_alone(tmp_path):
    target = tmp_path / "o.json"
    target.write_text("[1]")
    assert write_snippets([], target).written == 0
    assert target.read_text() == "[1]"
    assert [path.name for path in tmp_path.iterdir()] == ["o.json"]
