"""Frozen layers keep their weights; the others learn."""

from __future__ import annotations

import pytest
import torch
from training_toys import paper_pairs, write_pairs

from codeindex.cli import run
from codeindex.errors import UsageError
from codeindex_torch.loading import load_model
from codeindex_torch.training.freezing import freeze


def test_frozen_layers_are_as_they_were(model_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = tmp_path / "pairs.json"
    write_pairs(pairs, paper_pairs())
    given = ["train", str(pairs), "--model", str(model_folder), "--towers", "shared"]
    options = ["--device", "cpu", "--precision", "fp32", "--num-epochs", "1"]
    assert run([*given, *options, "--freeze-layers", "1", "--learning-rate", "0.01"]) == 0
    before = load_model(str(model_folder)).dual.query.backbone.state_dict()
    folder = tmp_path / "checkpoints" / "code_encoder" / "best_model"
    after = load_model(str(folder)).dual.query.backbone.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("layer.1." in name for name in changed), "two layers, of which one learns"


def test_a_layer_must_be_left(model_folder):
    dual = load_model(str(model_folder)).dual
    with pytest.raises(UsageError, match="--freeze-layers 2 leaves none of the model's 2 layers"):
        freeze(dual, 2)
    assert all(parameter.requires_grad for parameter in dual.parameters())
