"""How an index is named: by INDEX or --index in every command alike, or found from the folder."""

from __future__ import annotations

import json

import moving_toys
import pytest

from codeindex.cli import run

WHOLE = {
    "status": ("status", "--json"),
    "verify": ("verify", "--json"),
    "optimize": ("optimize", "--json"),
    "rebuild": ("rebuild", "--json"),
    "copy": ("copy", "--to", "faiss", "-o", "made", "--json"),
    "pack": ("pack", "-o", "made.pack", "--json"),
    "vectors export": ("vectors", "export", "-o", "made", "--json"),
}
"""Commands about an index as a whole."""


@pytest.fixture
def command(capsys):
    def call(*words):
        code = run(["--plugin", moving_toys.__file__, *map(str, words)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def index(tmp_path, monkeypatch, command):
    """An index outside its tree, seen from a folder that has nothing to do with either."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text("def parse_date(text):\n    return text\n")
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    folder = tmp_path / "index"
    code, _, said = command("index", tmp_path / "tree", "--index", folder)
    assert code == 0, said
    return folder


@pytest.mark.parametrize("words", WHOLE.values(), ids=WHOLE)
def test_the_index_is_an_argument_or_an_option_but_not_both(words, index, command):
    code, _, said = command(*words)
    assert (code, "no index in" in said) == (2, True), said
    code, out, said = command(*words, "--index", index)
    assert code == 0, said
    assert json.loads(out)
    code, _, said = command(*words, index, "--index", index)
    assert code == 2
    assert "name the index once" in said or "a pack is checked as it is" in said
    again = [word.replace("made", "another") for word in words]
    code, out, said = command(*again, index)
    assert code == 0, said
    assert json.loads(out)


@pytest.mark.parametrize("words", [("search", "date"), ("remove", "**")])
def test_the_others_have_the_option(words, index, command):
    assert command(*words)[0] == 2
    assert command(*words, "--index", index)[0] == 0


@pytest.mark.parametrize("below", [".", "backend", "backend/faiss-1"])
def test_within_the_folder_of_an_index_it_is_found(below, index, command, monkeypatch):
    monkeypatch.chdir(index / below)
    code, out, _ = command("status", "--json")
    assert (code, json.loads(out)["index"]) == (0, str(index))
    assert command("search", "parse a date")[0] == 0


def test_within_codeindex_it_is_found(index, command, monkeypatch):
    tree = index.parent / "tree"
    assert command("index", tree)[0] == 0
    (tree / ".codeindex" / ".gitignore").unlink()  # as a copy by hand may lack it
    monkeypatch.chdir(tree / ".codeindex")
    code, out, _ = command("status", "--json")
    assert (code, json.loads(out)["index"]) == (0, str(tree / ".codeindex"))


def test_a_catalog_of_another_program_is_no_index(tmp_path, command, monkeypatch):
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    (tmp_path / "shop" / "catalog.sqlite").write_bytes(b"goods")
    (tmp_path / "shop" / ".gitignore").write_text("*.pyc\n")
    code, _, said = command("status")
    assert (code, "no index in" in said) == (2, True)


def test_an_index_that_settings_name_gives_way_to_the_argument(index, command, tmp_path):
    (tmp_path / "away" / "codeindex.toml").write_text('index = "nowhere"\n')
    assert command("status")[0] == 2
    code, out, said = command("status", index, "--json")
    assert (code, json.loads(out)["index"]) == (0, str(index)), said


def test_a_pack_is_replaced_only_when_that_is_said(index, command):
    assert command("pack", index, "-o", "a.pack")[0] == 0
    code, _, said = command("pack", index, "-o", "a.pack")
    assert (code, "replace it with --overwrite" in said) == (2, True)
    assert command("pack", index, "-o", "a.pack", "--overwrite")[0] == 0
