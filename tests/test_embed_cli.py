"""codeindex embed as users run it: options, receipts, messages, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_cli import codeindex
from test_embed import snippet
from tiny_models import tiny_model

from codeindex.cli import run

PARSE = "def parse_date(text):\n    return datetime.date.fromisoformat(text)\n"
GZIP = "def compress(path):\n    return gzip.compress(path.read_bytes())\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rows = [
        snippet(1, code=PARSE, function_name="parse_date", paper_title="Dates", paper_abstract=""),
        snippet(2, code=GZIP, function_name="compress", paper_title="Archives", paper_abstract=""),
    ]
    (tmp_path / "code_snippets.json").write_text(json.dumps(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def embed(capsys, *words):
    code = run(["embed", *map(str, words)])
    return code, *capsys.readouterr()


def test_the_whole_road_in_fresh_processes(folder):
    words = ["embed", "code_snippets.json", "-o", "embeddings/", "--encoder", "fast"]
    done = codeindex(*words, "--index", "papers", "--json", "all.json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "2 snippets of code_snippets.json: 2 now, 0 by an earlier run" in done.stdout
    assert "embeddings/code_embeddings.npy: 2 x 256, float32" in done.stdout
    vectors = np.load(folder / "embeddings" / "code_embeddings.npy")
    assert (vectors.shape, vectors.dtype) == ((2, 256), np.float32)
    assert len(json.loads((folder / "all.json").read_text())) == 2
    found = codeindex("search", "gzip a file", "--index", "papers", "--json", "-k1", cwd=folder)
    hit = json.loads(found.stdout)
    assert (hit["name"], hit["extra"]["paper_title"]) == ("compress", "Archives")
    assert codeindex("verify", "--index", "papers", cwd=folder).returncode == 0
    status = codeindex("status", "--index", "papers", cwd=folder)
    assert "texts     paper-context/1 weight 0.3" in status.stdout
    refused = codeindex("index", ".", "--index", "papers", cwd=folder)
    assert refused.returncode == 2
    assert "made by codeindex embed" in refused.stderr


def test_the_receipt_as_json_and_what_an_earlier_run_did(folder, capsys):
    words = ("code_snippets.json", "--encoder", "fast")
    assert embed(capsys, *words)[0] == 0
    code, out, err = embed(capsys, *words, "--receipt-json")
    receipt = json.loads(out)
    assert (code, receipt["count"], receipt["dim"]) == (0, 2, 256)
    assert (receipt["resumed"], receipt["encoded"]) == (2, 0)
    assert receipt["embeddings"] == "embeddings/code_embeddings.npy"
    assert "2 of 2 were embedded by an earlier run" in err
    code, _, err = embed(capsys, *words, "--no-paper-context")
    assert "the paper context changed since the earlier run: embedding begins anew" in err


def test_torch_with_a_tiny_model_by_cls_and_by_mean(folder, capsys):
    pytest.importorskip("torch")
    tiny_model(folder / "tiny")
    vectors = {}
    for pooling in ("cls", "mean", None):
        words = ["code_snippets.json", "--model", "tiny", "-o", f"out-{pooling}"]
        words += ["--max-length", "32", "--index", f"index-{pooling}"]
        code, _, err = embed(capsys, *words, *(["--pooling", pooling] if pooling else []))
        assert code == 0, err
        vectors[pooling] = np.load(folder / f"out-{pooling}" / "code_embeddings.npy")
    assert vectors["cls"].shape == (2, 32)
    assert not np.allclose(vectors["cls"], vectors["mean"])
    np.testing.assert_array_equal(vectors[None], vectors["cls"])
    assert run(["status", "--index", "index-cls", "--json"]) == 0
    encoder = json.loads(capsys.readouterr().out)["encoder"]
    assert (encoder["name"], encoder["max_tokens"]) == ("torch", 32)
    options = encoder["options"]
    assert (options["pooling"], options["batch_size"]) == ("cls", 8)
    assert options["model"] == str(folder / "tiny"), "found from any folder"
    assert run(["search", "parse a date", "--index", "index-cls", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


REFUSED = {
    ("--pooling", "mean"): "--pooling: encoder 'fast' has no option 'pooling'",
    ("--model", "x"): "--model: encoder 'fast' has no option 'model'",
    ("--batch-size", "4"): "--batch-size: encoder 'fast' has no option",
    ("--max-length", "64"): "--max-length: encoder 'fast' has no option",
    ("-E", "a=1"): "encoder 'fast' has no option 'a'",
    ("--encoder", "fats"): "no encoder 'fats'; installed: ",
    ("--encoder", "onnx", "--pooling", "cls"): "options of 'onnx': dim, hubness, path, threads",
    ("--paper-context-weight", "1"): "at least 0 and below 1, not 1",
    ("--paper-context-weight", "-1", "--no-paper-context"): "at least 0 and below 1",
    ("--backend", "faiss"): "--index DIR",
    ("--index", "embeddings"): "a folder of its own",
    ("--json", "no/all.json"): "no folder no",
    ("-o", "code_snippets.json"): "is a file; -o names a folder",
}


@pytest.mark.parametrize("words", list(REFUSED))
def test_what_cannot_be_is_refused_in_one_line(words, folder, capsys):
    code, out, err = embed(capsys, "code_snippets.json", "--encoder", "fast", *words)
    assert (code, out) == (2, "")
    assert REFUSED[words] in err
    assert err.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["code_snippets.json"]


def test_one_option_given_by_two_names(folder, capsys):
    code, _, err = embed(capsys, "code_snippets.json", "--pooling", "cls", "-E", "pooling=mean")
    assert code == 2
    assert "the same option; give one of them" in err


def test_no_snippet_is_exit_1(folder, capsys):
    (folder / "none.json").write_text("[]")
    code, out, err = embed(capsys, "none.json", "--encoder", "fast")
    assert (code, out) == (1, "")
    assert "none.json: nothing to embed" in err
    assert not (folder / "embeddings").exists()


def test_settings_count_in_the_own_table_only(folder, capsys):
    (folder / "codeindex.toml").write_text(
        'index = "elsewhere"\nencoder = "fats"\nbackend = "faiss"\n'
        '[embed]\nencoder = "fast"\npaper-context = false\n'
    )
    code, out, err = embed(capsys, "code_snippets.json", "--receipt-json")
    assert code == 0, err
    receipt = json.loads(out)
    assert (receipt["texts"], receipt["index"]) == ("code-alone/1", None)
