"""A teacher: what its part of the loss is, and that it is asked once."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from training_toys import paper_pairs

from codeindex_onnx import BUNDLES
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_torch import pair_vectors
from codeindex_torch.encoder import encode_texts
from codeindex_torch.loading import load_model
from codeindex_torch.training import teaching
from codeindex_torch.training.options import TrainOptions
from codeindex_torch.training.run import train
from codeindex_torch.training.teaching import KEPT, Teacher, make_teacher

CPU = torch.device("cpu")


class Silent:
    stop = False

    def step(self, progress, total_steps, loss, rate):
        pass

    def epoch(self, facts, *, best):
        pass


def unit(rows, dim, seed):
    vectors = torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


def static_options(folder, model, **changes):
    values = {"architecture": "static", "towers": "shared", "dim": 16, "batch_size": 8}
    values |= {"model": str(model), "checkpoint_dir": str(folder), "learning_rate": 0.02}
    return TrainOptions(**values, device="cpu", precision="fp32", num_epochs=2, **changes)


def test_the_loss_is_the_divergence_of_two_distributions():
    ask, answer = unit(6, 5, 0), unit(6, 5, 1)
    own, batch = [4, 1], [4, 1, 0, 2]
    mine, its = unit(2, 3, 2), unit(4, 3, 3)
    teacher = Teacher(ask.half(), answer.half(), 2.0, 0.5)
    found = float(teacher.loss(own, batch, mine, its))

    def share(scores):
        powers = np.exp(scores.numpy().astype(np.float64) / 0.5)
        return powers / powers.sum(axis=1, keepdims=True)

    wanted, given = share(ask[own] @ answer[batch].T), share(mine @ its.T)
    expected = 2.0 * (wanted * np.log(wanted / given)).sum(axis=1).mean()
    assert found == pytest.approx(expected, rel=1e-2)
    same = Teacher(ask.half(), answer.half(), 1.0, 0.5)
    assert float(same.loss([0, 1, 2], [0, 1, 2], ask[:3], answer[:3])) == pytest.approx(0, abs=1e-4)


def test_a_static_model_comes_nearer_to_its_teacher(bert_folder, pairs_file, tmp_path):
    """On texts that neither run has seen."""
    told = [pair.anchor for pair in paper_pairs(seed=5)]
    teacher = load_model(str(bert_folder))
    wanted = torch.from_numpy(encode_texts(teacher.dual.query, teacher.tokens(), told, CPU))
    far = []
    for name, weight in (("alone", {}), ("taught", {"teacher": str(bert_folder)})):
        options = static_options(tmp_path / name, bert_folder, teacher_weight=50.0, **weight)
        train(pairs_file, options, Silent())
        model = load_model(str(tmp_path / name / "checkpoint_epoch_1.pt"))
        mine = torch.from_numpy(encode_texts(model.dual.query, model.tokens(), told, CPU))
        judge = Teacher(wanted.half(), wanted.half(), 1.0, options.temperature)
        rows = list(range(len(told)))
        far.append(float(judge.loss(rows, rows, mine, mine)))
    assert far[1] < 0.9 * far[0]


def test_the_teacher_is_asked_once(bert_folder, pairs_file, tmp_path, monkeypatch):
    options = static_options(tmp_path, bert_folder, teacher=str(bert_folder))
    pairs = paper_pairs()
    said = []
    first = make_teacher(pairs, options, CPU, said.append)
    assert (tmp_path / KEPT).is_file()
    asked = len(said)
    assert asked
    again = make_teacher(pairs, options, CPU, said.append)
    assert len(said) == asked
    assert torch.equal(first.anchors, again.anchors)
    make_teacher(pairs[1:], options, CPU, said.append)
    assert len(said) == 2 * asked, "other pairs are other questions"
    assert make_teacher(pairs, static_options(tmp_path, bert_folder), CPU, said.append) is None


def test_a_bundle_is_the_same_teacher_wherever_it_lies(tmp_path, monkeypatch):
    shutil.copytree(BUNDLES / "fast", tmp_path / "elsewhere")
    first = static_options(tmp_path, "m", teacher=str(BUNDLES / "fast"))
    make_teacher(paper_pairs(papers=3), first, CPU, lambda text: None)
    monkeypatch.setattr(teaching, "pair_vectors", None)  # what is kept is read
    moved = static_options(tmp_path, "m", teacher=str(tmp_path / "elsewhere"))
    make_teacher(paper_pairs(papers=3), moved, CPU, lambda text: None)


def test_how_far_the_teacher_is_is_said_ten_times(bert_folder, tmp_path, monkeypatch):
    options = static_options(tmp_path, bert_folder, teacher=str(bert_folder))
    pairs, said = paper_pairs(papers=30), []
    whole = make_teacher(pairs, options, CPU, said.append)
    (tmp_path / KEPT).unlink()
    said.clear()
    monkeypatch.setattr(pair_vectors, "_AT_ONCE", 1)
    parts = make_teacher(pairs, options, CPU, said.append)
    torch.testing.assert_close(parts.positives, whole.positives, atol=1e-3, rtol=0)
    assert said[0].startswith("asking ")
    assert len(said) == 1 + 9
    assert said[5].split() == [str(len(pairs)), "of", str(2 * len(pairs)), "texts"]


def test_a_bundle_teaches_with_the_vectors_of_its_graph():
    pairs = paper_pairs(papers=3)
    folder = BUNDLES / "fast"
    anchors, positives = pair_vectors.pair_vectors(pairs, str(folder), CPU, print)
    served = OnnxEncoder(folder, hubness=False)
    expected = served.encode_queries([pair.anchor for pair in pairs])
    np.testing.assert_allclose(anchors, expected, atol=1e-5)
    expected = served.encode_corpus([pair.positive for pair in pairs])
    np.testing.assert_allclose(positives, expected, atol=1e-5)


def test_a_run_with_a_teacher_stops_and_goes_on_alike(
    bert_folder, pairs_file, tmp_path, monkeypatch
):
    def weights(folder):
        return torch.load(folder / "checkpoint_epoch_1.pt", weights_only=True)["weights"]

    options = static_options(tmp_path / "whole", bert_folder, teacher=str(bert_folder))
    train(pairs_file, options, Silent())
    parts = static_options(tmp_path / "parts", bert_folder, teacher=str(bert_folder), max_steps=3)
    stopped = train(pairs_file, parts, Silent())
    monkeypatch.setattr(teaching, "pair_vectors", None)  # what is kept is read
    rest = static_options(tmp_path / "parts", bert_folder, teacher=str(bert_folder))
    assert train(pairs_file, rest, Silent(), resume_from=stopped.checkpoint).finished
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "parts")[name])
