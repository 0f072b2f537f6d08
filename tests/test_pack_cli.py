"""`pack`, `unpack` and `verify FILE` as users run them: words, files and exit codes."""

from __future__ import annotations

import json
import sys

import pytest

from codeindex.cli import run

CODE = '''def parse_date(text):
    """Parse a date string such as 2024-01-31."""
    return text


def compress(path):
    """Compress a file with gzip."""
    return path
'''


@pytest.fixture
def told(capsys, monkeypatch):
    """Runs a command; its exit code, what it said on stdout, and on stderr."""
    monkeypatch.setenv("CODEINDEX_PLUGINS", "faiss,onnx,python")

    def tell(*words):
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return tell


@pytest.fixture
def project(tmp_path, told, monkeypatch):
    root = tmp_path / "project"
    root.mkdir()
    (root / "dates.py").write_text(CODE)
    monkeypatch.chdir(root)
    assert told("index")[0] == 0
    return root


def test_there_and_back(project, told, tmp_path, monkeypatch):
    code, out, _ = told("pack", "-o", tmp_path / "a.pack")
    assert code == 0
    assert out.startswith(f"packed    {tmp_path / 'a.pack'}, ")
    assert "2 snippets, backend faiss" in out
    assert "encoder   fast 1, in the pack (Apache-2.0)" in out
    code, out, _ = told("verify", tmp_path / "a.pack")
    assert (code, out[:6]) == (0, "sound:")
    assert "2 snippets, 2 of them with a vector" in out
    monkeypatch.chdir(tmp_path)
    code, out, err = told("unpack", "a.pack", "-o", "index")
    assert code == 0
    assert out.startswith(f"unpacked  {tmp_path / 'index'}, 2 snippets, packed 20")
    assert "search it with: codeindex search --index index QUERY" in err
    here = told("search", "parse a date", "--index", project, "--json")
    there = told("search", "parse a date", "--index", "index", "--json")
    assert there == here
    assert json.loads(there[1].splitlines()[0])["name"] == "parse_date"
    assert told("verify", "--index", "index")[0] == 0


def test_the_index_is_named_in_any_way(project, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, words in enumerate(
        [("project",), ("project/.codeindex",), ("--index", "project")], start=1
    ):
        assert told("pack", *words, "-o", f"{number}.pack")[0] == 0
    code, out, err = told("pack", "project", "--index", "project", "-o", "4.pack")
    assert (code, out) == (2, "")
    assert "name the index once" in err
    code, _, err = told("pack", "-o", "4.pack")
    assert code == 2
    assert "no index in" in err
    monkeypatch.setenv("CODEINDEX_INDEX", str(project))
    assert told("pack", "-o", "4.pack")[0] == 0


def test_json(project, told, tmp_path):
    _, out, _ = told("pack", "-o", tmp_path / "a.pack", "--json")
    packed = json.loads(out)
    assert packed["bytes"] == (tmp_path / "a.pack").stat().st_size
    assert packed["with_encoder"] is True
    assert packed["licences"][0]["files"] == ["encoder/LICENSE"]
    _, out, _ = told("verify", tmp_path / "a.pack", "--json")
    verified = json.loads(out)
    assert verified["ok"] is True
    assert verified["problems"] == []
    assert verified["snippets"] == verified["vectors"] == packed["index"]["snippets"] == 2
    _, out, _ = told("unpack", tmp_path / "a.pack", "-o", tmp_path / "index", "--json")
    unpacked = json.loads(out)
    assert unpacked["index"] == str(tmp_path / "index")
    assert (unpacked["encoder"], unpacked["encoder_options"]) == (
        "fast",
        {"dim": 0, "hubness": True},
    )


def test_a_damaged_pack_exits_with_1_and_names_each_problem(project, told, tmp_path):
    path = tmp_path / "a.pack"
    told("pack", "-o", path)
    data = bytearray(path.read_bytes())
    for name in (b"vectors.npy", b"encoder/model.onnx"):
        data[data.index(name) + 200] ^= 1  # the first place of the name is before the contents
    path.write_bytes(data)
    code, out, err = told("verify", path)
    assert code == 1, err
    lines = out.splitlines()
    assert lines[-1].startswith("NOT SOUND")
    assert all("copy or pack it again" in line for line in lines[:-1])
    assert len(lines) == 3
    assert "'backend/packed/" in lines[0]
    assert "'encoder/model.onnx'" in lines[1]
    code, out, _ = told("verify", path, "--json")
    assert code == 1
    assert json.loads(out)["problems"] == [line.removeprefix("problem   ") for line in lines[:-1]]
    code, out, err = told("unpack", path, "-o", tmp_path / "index")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "index").exists()


def test_wrong_use_is_said_in_one_line(project, told, tmp_path):
    path = tmp_path / "a.pack"
    path.write_text("notes")
    for words, reason in (
        (("pack", "-o", path), "is there already; replace it with --overwrite"),
        (("unpack", path, "-o", tmp_path / "x"), "is no pack of codeindex"),
        (("unpack", tmp_path / "gone", "-o", tmp_path / "x"), "no such file"),
        (("verify", path), "is no pack of codeindex"),
        (("verify", tmp_path / "gone"), "no such file"),
        (("verify", path, "--repair"), "a pack is checked as it is"),
        (("verify", path, "--index", project), "a pack is checked as it is"),
    ):
        code, out, err = told(*words)
        assert (code, out) == (2, ""), words
        assert reason in err
        assert err.count("\n") == 1
    assert told("verify", tmp_path)[0] == 2
    assert told("pack")[0] == 2
    assert told("unpack", path)[0] == 2
    assert path.read_text() == "notes"
    assert told("pack", "-o", path, "--overwrite")[0] == 0
    code, _, err = told("unpack", path, "-o", project)
    assert code == 2
    assert "is not empty; name a new folder" in err


def test_an_encoder_that_stays_behind_is_said(tmp_path, told, project):
    plugin = tmp_path / "words.py"
    plugin.write_text(
        "import numpy as np\n"
        "from codeindex.hookimpl import hookimpl\n"
        "from codeindex.interfaces import EncoderInfo\n"
        "from codeindex.specs import EncoderSpec\n"
        "class Words:\n"
        "    info = EncoderInfo('Words', 'words/1', 4, 100)\n"
        "    def encode_queries(self, texts):\n"
        "        return np.tile(np.array([[1, 0, 0, 0]], dtype=np.float32), (len(texts), 1))\n"
        "    encode_corpus = encode_queries\n"
        "@hookimpl\n"
        "def codeindex_encoders():\n"
        "    return [EncoderSpec(name='words', summary='', make=lambda options: Words())]\n"
    )
    index, path = tmp_path / "other", tmp_path / "a.pack"
    with_plugin = ("--plugin", plugin)
    assert told(*with_plugin, "index", "--index", index, "--encoder", "words")[0] == 0
    code, out, _ = told(*with_plugin, "pack", index, "-o", path)
    assert code == 0
    assert "Words, NOT in the pack: 'words' is no bundle" in out
    code, out, _ = told("unpack", path, "-o", tmp_path / "x")
    assert code == 0
    assert "encoder   words: it was NOT in the pack; searches need it here" in out
    code, _, err = told("search", "date", "--index", tmp_path / "x")
    assert code == 2
    assert "no encoder 'words'; installed: fast, onnx" in err
    assert told(*with_plugin, "search", "date", "--index", tmp_path / "x")[0] == 0


def test_a_bar_is_shown_on_a_terminal_only(project, told, tmp_path, monkeypatch):
    assert told("pack", "-o", tmp_path / "a.pack")[2] == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "packing" in told("pack", "-o", tmp_path / "b.pack")[2]
    assert "checking" in told("verify", tmp_path / "b.pack")[2]
    assert told("--quiet", "pack", "-o", tmp_path / "c.pack")[2] == ""


def test_a_folder_that_is_not_there_is_said(project, told, tmp_path):
    (tmp_path / "file").write_text("x")
    code, _, err = told("pack", "-o", tmp_path / "file" / "a.pack")
    assert code == 2
    assert "no such folder" in err
