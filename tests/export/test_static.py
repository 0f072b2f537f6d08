"""Static models as bundles: the same vectors in PyTorch, in the graph and without it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from export_toys import pairs, texts

from codeindex import Host
from codeindex.bundle import read_bundle
from codeindex.errors import UsageError
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_onnx.graph import GraphModel
from codeindex_torch import TorchOptions
from codeindex_torch.encoder import make_encoder
from codeindex_torch.export.graphs import GateFailedError
from codeindex_torch.export.run import export
from codeindex_torch.loading import load_model
from codeindex_torch.static_folders import save_static
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.training.distilling import distilled


@pytest.fixture(scope="module")
def static_folder(models, tmp_path_factory):
    """A table distilled from the tiny BERT, as training leaves one behind."""
    rows = pairs()
    known = [row["anchor"] for row in rows] + [row["positive"] for row in rows]
    model = distilled(load_model(str(models["bert"])), known, 24, torch.device("cpu"))
    folder = tmp_path_factory.mktemp("static") / "table"
    save_static(folder, model)
    return folder


@pytest.fixture(scope="module")
def exported(static_folder, options, tmp_path_factory):
    """Folders of the bundle in int8 and fp32, and their reports."""
    root = tmp_path_factory.mktemp("bundles")
    found = {}
    for precision in ("int8", "fp32"):
        chosen = replace(options, precision=precision, min_recall_ratio=0.9)
        report = export(str(static_folder), root / precision, chosen, Host(), lambda text: None)
        found[precision] = root / precision, report
    return found


@pytest.mark.parametrize(("precision", "error"), [("int8", 0.02), ("fp32", 1e-5)])
def test_the_encoder_gives_what_pytorch_gives(exported, static_folder, precision, error):
    folder, report = exported[precision]
    served = OnnxEncoder(folder)
    trained = make_encoder(TorchOptions(model=str(static_folder), device="cpu"))
    asked = [*texts(), "repeat repeat repeat once", "größe → 漢字"]
    np.testing.assert_allclose(
        served.encode_corpus(asked), trained.encode_corpus(asked), atol=error
    )
    assert report["precision"] == precision
    assert report["quality"]["texts"]["mean"] > 0.999
    assert served.info.dim == trained.info.dim == 24
    assert served._corpus._tokenizer._pieces is not None, "words are looked up, not computed"


def test_the_table_is_read_without_its_graph_and_counts_repeats_as_it_does(exported):
    folder, _ = exported["int8"]
    manifest = json.loads((folder / "encoder.json").read_text())
    assert manifest["static"]["repeats"] == "root"
    encoder = OnnxEncoder(folder)
    asked = [*texts(), "read read read file", "read file"]
    ids = encoder._corpus._tokenizer.of(asked)
    graph = GraphModel((folder / "model.onnx").read_bytes(), 24, 1).encode(ids)
    found = encoder.encode_corpus(asked)
    np.testing.assert_allclose(found, graph, atol=1e-6)
    assert not np.allclose(found[-1], found[-2], atol=1e-3), "repeats do count"
    manifest["static"]["repeats"] = "twice"
    (folder / "encoder.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="'repeats' of the bundle is 'twice'"):
        OnnxEncoder(folder)
    manifest["static"]["repeats"] = "root"
    (folder / "encoder.json").write_text(json.dumps(manifest))


def test_a_bundle_can_be_trained_further(exported):
    folder, _ = exported["int8"]
    model = load_model(str(folder))
    assert isinstance(model.dual.query, StaticTower)
    assert model.max_length == read_bundle(folder).max_tokens
    again = make_encoder(TorchOptions(model=str(folder), device="cpu")).encode_corpus(texts())
    np.testing.assert_allclose(again, OnnxEncoder(folder).encode_corpus(texts()), atol=1e-5)


def test_a_bundle_of_a_graph_has_no_table_to_train(bundles):
    with pytest.raises(UsageError, match="without a static table"):
        load_model(str(bundles["bert"]))


def test_a_table_that_loses_too_much_is_not_written(static_folder, options, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "codeindex_torch.export.static.quantised",
        lambda table: (np.ones(table.shape, np.int8), np.ones(len(table), np.float32)),
    )
    chosen = replace(options, precision="int8", min_recall_ratio=0.9999)
    with pytest.raises(GateFailedError, match="No bundle was written"):
        export(str(static_folder), tmp_path / "b", chosen, Host(), lambda text: None)
    assert not list(tmp_path.iterdir())


def test_its_card_and_manifest_say_what_it_is(exported):
    folder, report = exported["int8"]
    card = (folder / "README.md").read_text()
    assert "A static text encoder" in card
    assert "24 dimensions, int8" in card
    assert "sentence-transformers" not in card
    assert report["checkpoint"] == "table"
    assert json.loads((folder / "encoder.json").read_text())["max_tokens"] == 512
