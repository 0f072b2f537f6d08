"""codeindex vectors as users run it: options, receipts, messages, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_cli import codeindex

from codeindex.cli import run

CODE = '''def parse_date(text):
    """Parse a date string such as 2024-01-31."""
    return datetime.date.fromisoformat(text)


class Archive:
    def compress(self, path):
        """Compress a file with gzip."""
        return gzip.compress(path.read_bytes())
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "util.py").write_text(CODE)
    done = codeindex("index", ".", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def here(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return project


def vectors(capsys, *words):
    code = run(["vectors", *map(str, words)])
    return code, *capsys.readouterr()


def hits(capsys, index):
    assert run(["search", "gzip a file", "--index", str(index), "--json"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_the_whole_road(name, here, tmp_path, capsys):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    code, out, err = vectors(capsys, "export", here, "-o", name)
    assert (code, err) == (0, "")
    assert f"vectors   {name}: 3 x 256, float32" in out
    assert "encoder   fast 1, fingerprint " in out
    code, out, err = vectors(capsys, "import", name, "-o", "copy")
    assert (code, err) == (0, "")
    assert f"imported  3 snippets of {name}: 256 dimensions, nothing embedded" in out
    assert "scaled" not in out
    assert "no code" not in out
    assert hits(capsys, "copy") == hits(capsys, here / ".codeindex")
    assert run(["verify", "--index", "copy"]) == 0
    assert run(["index", str(here), "--index", "copy"]) == 2
    assert "was made by codeindex vectors import from" in capsys.readouterr().err


def test_in_fresh_processes(here, tmp_path):
    pytest.importorskip("pyarrow")
    for words in (
        ("export", "-o", tmp_path / "v.parquet", "--json", "--kind", "method"),
        ("import", tmp_path / "v.parquet", "-o", tmp_path / "copy", "--json"),
    ):
        done = codeindex("vectors", *words, cwd=here)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["count"] == 1


def test_receipts_as_json(here, capsys):
    code, out, _ = vectors(capsys, "export", here, "-o", "out", "--path", "*.py", "--json")
    receipt = json.loads(out)
    assert (code, receipt["count"], receipt["dim"], receipt["output"]) == (0, 3, 256, "out")
    code, out, _ = vectors(capsys, "import", "out", "-o", "copy", "--json")
    made = json.loads(out)
    assert (code, made["count"], made["scaled"], made["trusted"]) == (0, 3, 0, False)
    assert made["fingerprint"] == receipt["fingerprint"]


def test_foreign_vectors_and_what_is_said_of_them(here, tmp_path, capsys):
    (tmp_path / "emb").mkdir()
    np.save("emb/code_embeddings.npy", np.full((2, 256), 3, np.float32))
    entry = {"file_path": "a.py", "function_name": "f"}
    (tmp_path / "emb" / "metadata.json").write_text(json.dumps([entry, entry]))
    words = ("import", "emb", "-o", "idx")
    code, out, err = vectors(capsys, *words)
    assert (code, out) == (2, "")
    assert "emb does not name an encoder; say which one made its vectors with --encoder" in err
    code, out, err = vectors(capsys, *words, "--encoder", "fast")
    assert (code, out) == (2, "")
    assert "say --trust-encoder" in err
    code, out, err = vectors(capsys, *words, "--encoder", "fast", "--trust-encoder")
    assert (code, err) == (0, "")
    assert "scaled    2 vectors were not of length 1" in out
    assert "no code   2 snippets" in out
    assert "as you say" in out
    assert "index     idx: codeindex search QUERY --index idx" in out


def test_nothing_to_do_is_exit_1(here, tmp_path, capsys):
    code, out, err = vectors(capsys, "export", here, "-o", "out", "--language", "cobol")
    assert (code, out) == (1, "")
    assert "nothing to export: none of the 3 snippets" in err
    (tmp_path / "emb").mkdir()
    np.save("emb/code_embeddings.npy", np.zeros((0, 256), np.float32))
    (tmp_path / "emb" / "metadata.json").write_text("[]")
    code, out, err = vectors(capsys, "import", "emb", "-o", "idx", "--encoder", "fast")
    assert (code, out) == (1, "")
    assert "nothing to import: emb holds no vectors" in err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "idx").exists()


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_what_is_there_is_replaced_only_when_that_is_said(name, here, tmp_path, capsys):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    assert vectors(capsys, "export", here, "-o", name)[0] == 0
    kept = {path: path.read_bytes() for path in tmp_path.rglob("out*") if path.is_file()}
    kept |= {path: path.read_bytes() for path in tmp_path.glob("out/*") if path.is_file()}
    code, out, err = vectors(capsys, "export", here, "-o", name, "--kind", "method")
    assert (code, out) == (2, "")
    assert "is there already; replace it with --overwrite, or name another" in err
    assert kept == {path: path.read_bytes() for path in kept}
    words = ("--kind", "method", "--overwrite", "--json")
    code, out, _ = vectors(capsys, "export", here, "-o", name, *words)
    assert (code, json.loads(out)["count"]) == (0, 1)


@pytest.mark.parametrize("name", ["out.csv", "out.npy", "out.parquet.gz", "v1.5"])
def test_an_ending_that_is_not_written_is_refused(name, here, tmp_path, capsys):
    code, out, err = vectors(capsys, "export", here, "-o", name)
    assert (code, out) == (2, "")
    assert "is no format that is written; name a file *.parquet, or a folder for" in err
    assert not (tmp_path / name).exists()
    (tmp_path / name).mkdir()
    assert vectors(capsys, "export", here, "-o", name)[0] == 0


REFUSED = {
    ("export", "none", "-o", "out"): "no index at none",
    ("export", "-o", "out"): "no index in",
    ("import", "none", "-o", "idx"): "no such file or folder: none",
    ("import", "file", "-o", "idx"): "neither a folder",
    ("import", "empty", "-o", "idx"): "holds no code_embeddings.npy",
    ("export", "{index}", "-o", "file"): "is a file; -o names a folder",
    ("export", "{index}", "-o", "{index}/.codeindex/x.parquet"): "lies in the index",
}


@pytest.mark.parametrize("words", list(REFUSED))
def test_what_cannot_be_is_refused_in_one_line(words, here, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    code, out, err = vectors(capsys, *(word.format(index=here) for word in words))
    assert (code, out) == (2, "")
    assert REFUSED[words] in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


def test_places_where_the_index_cannot_be(here, tmp_path, capsys):
    assert vectors(capsys, "export", here, "-o", "out")[0] == 0
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    for place, why in {
        "out": "a folder of its own, not out",
        "file": "file is a file; -o names a folder",
        "full": "is not empty and holds no index; name another -o",
        here / ".codeindex": "is one of source files",
    }.items():
        code, out, err = vectors(capsys, "import", "out", "-o", place)
        assert (code, out) == (2, "")
        assert why in err
    code, _, err = vectors(capsys, "import", "out", "-o", "idx", "--backend", "nope")
    assert code == 2
    assert "no backend 'nope'" in err
    code, _, err = vectors(capsys, "import", "out", "-o", "idx", "--encoder", "fast", "-E", "x=1")
    assert code == 2
    assert "has no option 'x'" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full", "out"]
