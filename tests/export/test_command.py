"""``codeindex export`` as it is typed: what it prints, refuses and leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codeindex import Host
from codeindex.cli import run
from codeindex_torch.export import graphs
from codeindex_torch.export.gate import Quality
from codeindex_torch.export.run import export


def options_of(pairs_file, *more):
    """A few dozen pairs: a rank or two make more than 0.5 %."""
    return ["--check-pairs", str(pairs_file), "--min-recall-ratio", "0.9", *more]


def test_it_says_how_good_the_bundle_is(models, pairs_file, tmp_path, capsys):
    target = tmp_path / "deep" / "mine"
    words = ["export", str(models["bert"]), "-o", str(target), "--licence", "MIT"]
    assert run([*words, *options_of(pairs_file)]) == 0
    said = capsys.readouterr().out
    for part in ("int8", "cosine", "MRR", "R@10", "texts/s", f"-E path={target}"):
        assert part in said
    assert json.loads((target / "encoder.json").read_text())["licence"] == "MIT"
    assert sorted(path.name for path in target.parent.iterdir()) == ["mine"]
    assert run([*words, *options_of(pairs_file)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    again = [*options_of(pairs_file), "--overwrite", "--precision", "fp32", "--json"]
    assert run([*words, *again]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["precision"] == "fp32"
    assert report["quality"]["ratio"]["mrr"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("flag", ["--no-optimize", "--opset=17"])
def test_graphs_as_exported_and_of_other_opsets_are_right(flag, models, pairs_file, tmp_path):
    words = ["export", str(models["roberta"]), "-o", str(tmp_path / "b"), "--precision", "fp32"]
    assert run([*words, *options_of(pairs_file), flag]) == 0


def test_int8_of_a_graph_that_is_not_fused_is_right(models, pairs_file, tmp_path):
    words = ["export", str(models["roberta"]), "-o", str(tmp_path / "b"), "--no-optimize"]
    assert run([*words, *options_of(pairs_file)]) == 0


def test_a_check_that_fails_leaves_nothing(models, pairs_file, tmp_path, monkeypatch, capsys):
    rightly = Quality.ratio.fget
    monkeypatch.setattr(Quality, "ratio", property(lambda its: 0.9 * rightly(its)))
    monkeypatch.setattr(graphs, "ROUNDED_COSINE", 1.1)
    for precision in ("int8", "fp32"):
        words = ["export", str(models["roberta"]), "-o", str(tmp_path / "b")]
        checks = options_of(pairs_file, "--precision", precision, "--min-recall-ratio", "0.99")
        assert run([*words, *checks]) == 1
        said = capsys.readouterr().err
        assert "No bundle was written" in said
        assert "99.00%" in said
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_from_pytorch_is_found_out(models, options, tmp_path, monkeypatch):
    import onnx
    from onnx import numpy_helper

    rightly = graphs.fuse

    def wrongly(source, target, config):
        counts = rightly(source, target, config)
        model = onnx.load(target)
        weight = next(item for item in model.graph.initializer if len(item.dims) == 2)
        changed = numpy_helper.to_array(weight) * 1.2
        weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
        onnx.save(model, target)
        return counts

    monkeypatch.setattr(graphs, "fuse", wrongly)
    said = []
    report = export(str(models["roberta"]), tmp_path / "b", options, Host(), said.append)
    assert any("fusing changes the vectors" in text for text in said)
    assert report["towers"]["both"]["fused"] == {}
    assert report["quality"]["texts"]["min"] > 0.9999


def test_interrupted_it_leaves_what_was_there(models, pairs_file, tmp_path, monkeypatch):
    target = tmp_path / "b"
    words = ["export", str(models["roberta"]), "-o", str(target), *options_of(pairs_file)]
    assert run([*words, "--precision", "fp32"]) == 0
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("codeindex_torch.export.run.write_bundle_files", stop)
    assert run([*words, "--overwrite"]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before


def test_wrong_use_is_told_in_one_line(models, pairs_file, tmp_path, capsys):
    model = str(models["bert"])
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("x")
    few = tmp_path / "few.json"
    few.write_text(json.dumps([{"anchor": "read file", "positive": "def read"}]))
    cases = {
        ("nowhere/at/all", "-o", str(tmp_path / "b")): "no such folder",
        (model, "-o", str(tmp_path / "file")): "is a file",
        (model, "-o", str(tmp_path / "full"), "--overwrite"): "holds something that is no bundle",
        (model, "-o", str(tmp_path / "b"), "--check-pairs", str(few)): "at least 20",
        (model, "-o", str(tmp_path / "b"), "--max-length", "5000"): "at most 64 tokens",
        (model,): "--output",
    }
    for words, expected in cases.items():
        assert run(["export", *words]) == 2
        said = capsys.readouterr().err
        assert expected in said, said
        assert "Traceback" not in said
    assert not (tmp_path / "b").exists()
    assert (tmp_path / "full" / "precious.txt").exists()


def test_the_same_checkpoint_gives_the_same_bundle(models, options, tmp_path):
    for name in ("a", "b"):
        chosen = replace(options, precision="int8", min_recall_ratio=0.9)
        export(str(models["bert"]), tmp_path / name / "same", chosen, Host(), lambda text: None)
    model = [(tmp_path / name / "same" / "model.onnx").read_bytes() for name in ("a", "b")]
    assert model[0] == model[1]
