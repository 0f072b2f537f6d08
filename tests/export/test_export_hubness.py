"""``export --hubness``: what is learnt of hubs, against looking at every question."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from export_toys import texts, write_pairs
from tiny_models import tiny_model

from codeindex import Host
from codeindex.bundle import read_bundle
from codeindex.cli import run
from codeindex.errors import NotFoundError, OptionError, UsageError
from codeindex.hubness import HUBNESS, NEAREST, HubPenalty, asked, read_hubness
from codeindex.vectors import unit
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_torch.export import hubness as fitting
from codeindex_torch.export.graphs import GateFailedError
from codeindex_torch.export.hubness import fitted
from codeindex_torch.export.run import export

DIM = 24


@pytest.fixture(scope="module", autouse=True)
def _a_small_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_STEPS", 400)
        patch.setattr(fitting, "_HIDDEN", 512)
        yield


def space(rows, seed):
    """Questions and their texts, some of which lie where most questions are."""
    draw = np.random.default_rng(seed)
    crowd = np.eye(DIM, dtype=np.float32)[0]
    noise = draw.normal(size=(3, rows, DIM)).astype(np.float32) / DIM**0.5
    questions = unit(noise[0] + crowd)
    share = draw.uniform(0, 3, rows).astype(np.float32)[:, None]
    return questions, unit(0.5 * questions + 0.4 * noise[1] + share * crowd)


def test_it_says_of_texts_it_never_saw_how_near_they_are_to_questions():
    questions, known = space(3000, 0)
    hubness = fitted(questions, known)
    assert fitted(questions, known).file() == hubness.file(), "the same each time"
    _, unseen = space(500, 1)
    nearness = np.sort(unseen @ questions.T, axis=1)[:, -NEAREST:].mean(axis=1)
    penalty = HubPenalty(hubness)
    exact = (nearness - float(hubness.usual)) / 2
    assert np.corrcoef(penalty.of(unseen), exact)[0, 1] > 0.9
    assert np.abs(penalty.of(unseen) - exact).max() < 0.1


def test_the_own_question_of_a_text_does_not_make_it_a_hub():
    questions = np.eye(DIM, dtype=np.float32)
    nearness = fitting._nearness(*(fitting.torch.from_numpy(questions),) * 2)
    np.testing.assert_array_equal(nearness.numpy(), 0)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "thousand.json", 1000)


def test_of_very_many_pairs_some_are_drawn_always_the_same(thousand, tmp_path, monkeypatch):
    more = write_pairs(tmp_path / "more.json", 1500)
    monkeypatch.setattr(fitting, "MOST_PAIRS", 1200)
    chosen = fitting.hub_pairs(more, print)
    assert len({pair.positive for pair in chosen}) == 1200
    assert fitting.hub_pairs(more, print) == chosen
    assert len(fitting.hub_pairs(thousand, print)) == 1000


@pytest.fixture(scope="module")
def served(models, options, thousand, tmp_path_factory):
    """A bundle of two towers with prompts, its report and where it lies."""
    folder = tmp_path_factory.mktemp("bundles") / "two"
    chosen = replace(options, hubness=thousand)
    report = export(str(models["two"]), folder, chosen, Host(), lambda text: None)
    return folder, report


def test_the_encoder_serves_what_was_learnt(served, bundles):
    folder, report = served
    facts = report["hubness"]
    assert (facts["pairs"], facts["of"]) == (1000, "thousand.json")
    assert facts["mrr"]["on"] >= facts["mrr"]["off"]
    assert "CSLS" in (folder / "README.md").read_text()
    plain, off = OnnxEncoder(bundles["two"]), OnnxEncoder(folder, hubness=False)
    on = OnnxEncoder(folder)
    some = texts()
    for name in ("encode_queries", "encode_corpus"):
        expected = getattr(plain, name)(some)
        np.testing.assert_array_equal(getattr(off, name)(some), expected)
        assert np.abs(getattr(on, name)(some) - expected).max() > 0.01
    hubness = read_hubness((folder / HUBNESS).read_bytes(), 16)
    penalty = HubPenalty(hubness).corpus(plain.encode_corpus(some), 16)
    np.testing.assert_allclose(on.encode_corpus(some), penalty, atol=1e-6)
    expected = asked(plain.encode_queries(some), 16)
    np.testing.assert_allclose(on.encode_queries(some), expected, atol=1e-6)
    prints = {encoder.info.fingerprint for encoder in (plain, off, on)}
    assert plain.info.fingerprint == off.info.fingerprint
    assert len(prints) == 2


def test_its_file_is_checked_like_the_others(served, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(served[0], folder)
    with pytest.raises(OptionError, match="with hubness, 2"):
        OnnxEncoder(folder, dim=1)
    assert OnnxEncoder(folder, dim=1, hubness=False).info.dim == 1
    contents = bytearray((folder / HUBNESS).read_bytes())
    contents[len(contents) // 2] ^= 1
    (folder / HUBNESS).write_bytes(contents)
    with pytest.raises(UsageError, match=r"hubness\.npz is not the file"):
        OnnxEncoder(folder)
    (folder / HUBNESS).unlink()
    with pytest.raises(NotFoundError, match=r"hubness\.npz"):
        read_bundle(folder)


def test_what_makes_a_bundle_worse_is_not_written(models, options, thousand, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "_mrr", _falling())
    chosen = replace(options, hubness=thousand)
    with pytest.raises(GateFailedError, match=r"falls from 0\.500 to 0\.400"):
        export(str(models["bert"]), tmp_path / "b", chosen, Host(), lambda text: None)
    assert not list(tmp_path.iterdir())


def _falling():
    values = iter([0.5, 0.4])
    return lambda queries, corpus: next(values)


def test_words_that_make_no_sense_are_refused(models, pairs_file, tmp_path, capsys):
    words = ["--check-pairs", str(pairs_file), "--min-recall-ratio", "0.5"]
    target = str(tmp_path / "b")
    few = ["--hubness", str(pairs_file)]
    assert run(["export", str(models["bert"]), "-o", target, *words, *few]) == 2
    assert "holds 60 pairs" in capsys.readouterr().err
    missing = ["--hubness", str(tmp_path / "none.json")]
    assert run(["export", str(models["bert"]), "-o", target, *words, *missing]) == 2
    assert "none.json" in capsys.readouterr().err
    judge = tiny_model(tmp_path / "judge", "bert", labels=1)
    assert run(["export", str(judge), "-o", target, *words, *few]) == 2
    assert "this is a reranker" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_the_command_says_what_it_gives(models, pairs_file, thousand, tmp_path, capsys):
    words = ["export", str(models["bert"]), "-o", str(tmp_path / "b"), "--precision", "fp32"]
    code = run([*words, "--check-pairs", str(pairs_file), "--hubness", str(thousand)])
    said = capsys.readouterr()
    assert code in (0, 1), said.err  # an untrained model may find less
    if code:
        assert "leave out --hubness" in said.err
        return
    assert "hubness    MRR of text to code" in said.out
    report = json.loads((tmp_path / "b" / "export_report.json").read_text())
    assert report["hubness"]["pairs"] == 1000
