"""``codeindex train`` as it is used: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from training_toys import paper_pairs, write_pairs

from codeindex.cli import run
from codeindex_torch import TorchOptions
from codeindex_torch.encoder import make_encoder
from codeindex_torch.training.gradients import BatchGradients
from codeindex_torch.training.options import TrainOptions


@pytest.fixture
def train(model_folder, pairs_file, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(*words, pairs=pairs_file, model=model_folder):
        given = [str(pairs), "--model", str(model)] if pairs else []
        code = run(["train", *given, "--device", "cpu", "--precision", "fp32", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_it_leaves_what_the_formats_say(train, tmp_path):
    code, out, err = train("--num-epochs", 2, "--log-to", "logs", "--learn-temperature")
    assert code == 0, err
    folder = tmp_path / "checkpoints" / "code_encoder"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("best_model.pt", "best_model", "checkpoint_epoch_0.pt", "checkpoint_epoch_1.pt"),
        *("training_history.json", "training_curves.png"),
    }
    history = json.loads((folder / "training_history.json").read_text())
    assert len(history["train_losses"]) == len(history["val_losses"]) == 2
    assert history["best_val_loss"] == min(history["val_losses"])
    for epoch in history["epochs"]:
        assert epoch["learning_rate"] >= 0
        assert epoch["seconds"] > 0
        assert epoch["pairs_per_second"] > 0
        assert 0 < epoch["mrr"] <= 1
        assert 0 <= epoch["recall_at_1"] <= epoch["recall_at_5"] <= epoch["recall_at_10"] <= 1
        assert epoch["pool"] >= epoch["queries"] > 0
    steps = [step for step, _ in history["step_losses"]]
    assert steps == list(range(1, history["epochs"][-1]["step"] + 1))
    assert (folder / "training_curves.png").read_bytes().startswith(b"\x89PNG")
    assert any((tmp_path / "logs").iterdir())
    assert "best model  epoch" in out
    assert "codeindex export checkpoints/code_encoder/best_model.pt" in out
    assert "epoch 0: train loss" in err
    assert "pairs/s" in err


def test_json_holds_the_history_and_nothing_else_is_on_stdout(train):
    code, out, _ = train("--num-epochs", 1, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["finished"] is True
    assert told["checkpoint"].endswith("best_model.pt")
    assert len(told["val_losses"]) == 1


def test_it_learns_to_find_code_of_papers_it_has_not_seen(train, model_folder, tmp_path):
    pairs = write_pairs(tmp_path / "many.json", paper_pairs(papers=150, files=2))
    words = ["--pooling", "mean", "--towers", "shared", "--batch-size", 32, "--num-epochs", 6]
    code, _, err = train(*words, "--learning-rate", "3e-3", pairs=pairs)
    assert code == 0, err
    history = json.loads((tmp_path / "checkpoints/code_encoder/training_history.json").read_text())
    untrained = make_encoder(TorchOptions(model=str(model_folder), pooling="mean", device="cpu"))
    trained = make_encoder(
        TorchOptions(model="checkpoints/code_encoder/best_model.pt", device="cpu")
    )
    assert history["train_losses"][-1] < 0.5 * history["train_losses"][0]
    fresh = paper_pairs(papers=60, files=1, seed=77)
    scores = []
    for encoder in (untrained, trained):
        queries = encoder.encode_queries([pair.anchor for pair in fresh])
        corpus = encoder.encode_corpus([pair.positive for pair in fresh])
        found = np.argsort(-(queries @ corpus.T), axis=1)[:, 0]
        scores.append(float((found == np.arange(len(fresh))).mean()))
    assert scores[1] > scores[0] + 0.1, scores


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["is empty"]),
        ("[", ["bad.json"]),
        ("{}", ["bad.json"]),
        ("[]", ["no pair"]),
        ('[{"anchor": 3, "positive": "x"}]', ["bad.json", "anchor"]),
        ('[{"anchor": "one", "positive": "pair"}]', ["pair"]),
    ],
)
def test_bad_pairs_are_one_clear_error(train, tmp_path, content, words):
    path = tmp_path / "bad.json"
    path.write_text(content)
    code, out, err = train(pairs=path)
    assert code == 2
    assert not out
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("error: ")
    for word in words:
        assert word in err
    assert not (tmp_path / "checkpoints" / "code_encoder" / "training_history.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch-size", 500], "--batch-size 500 is more than the"),
        (["--batch-size", 1], "--batch-size must be at least 2"),
        (["--temperature", 0], "--temperature must be above 0"),
        (["--train-split", 1], "--train-split must lie between 0 and 1"),
        (["--warmup", 1], "--warmup must be at least 0 and below 1"),
        (["--device", "cuda:7"], "no device 'cuda:7' here"),
        (["--max-length", 5000], "reads at most 64 tokens, not 5000"),
        (["--resume-from", "nothing.pt"], "no checkpoint at nothing.pt"),
        (["--num-epochs", 0], "--num-epochs must be at least 1"),
    ],
)
def test_wrong_options_say_what_is_right(train, words, said):
    code, _, err = train(*words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_no_pairs_and_no_model_are_told(train, tmp_path):
    code, _, err = train(pairs=None)
    assert code == 2
    assert "which pairs?" in err
    code, _, err = train(model=tmp_path / "nowhere")
    assert code == 2
    assert "no such folder" in err


def test_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    train, tmp_path, monkeypatch
):
    plain = BatchGradients.add
    calls = []

    def add(self, *arguments):
        calls.append(1)
        loss = plain(self, *arguments)
        return loss if len(calls) < 9 else math.nan

    monkeypatch.setattr(BatchGradients, "add", add)
    code, out, err = train("--checkpoint-steps", 2)
    assert code == 2
    assert "the loss became nan at step 9" in err
    assert "--learning-rate" in err
    assert "checkpoint_last.pt" in err
    last = tmp_path / "checkpoints" / "code_encoder" / "checkpoint_last.pt"
    kept = torch.load(last, weights_only=True)
    assert all(bool(torch.isfinite(value).all()) for value in kept["weights"].values())
    assert json.loads(kept["training"]["progress"])["step"] == 8
    monkeypatch.setattr(BatchGradients, "add", plain)
    code, out, err = train("--resume-from", last)
    assert code == 0, err
    assert "best model" in out


def test_infinite_gradients_stop_before_they_reach_the_weights(train, tmp_path, monkeypatch):
    plain = BatchGradients.add

    def add(self, *arguments):
        loss = plain(self, *arguments)
        next(iter(self._dual.parameters())).grad.view(-1)[0] = math.inf
        return loss

    monkeypatch.setattr(BatchGradients, "add", add)
    code, _, err = train("--clip", 0)
    assert code == 2
    assert "training was stopped" in err
    assert not list((tmp_path / "checkpoints" / "code_encoder").glob("*.pt"))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
@pytest.mark.parametrize("chunk", [0, 4])
def test_out_of_memory_says_which_option_to_lower(train, monkeypatch, error, chunk):
    def add(self, *arguments):
        raise error

    monkeypatch.setattr(BatchGradients, "add", add)
    code, _, err = train("--chunk-size", chunk)
    assert code == 2
    assert "out of memory" in err
    assert ("lower --chunk-size (now 4)" if chunk else "give --chunk-size 8") in err
    assert "--batch-size (now 8)" in err


def test_early_stopping_and_the_best_by_mrr(train, tmp_path, monkeypatch):
    from codeindex_torch.training import trainer

    losses = iter([1.0, 0.5, 0.7, 0.6, 0.1])
    monkeypatch.setattr(trainer, "validation_loss", lambda *arguments: next(losses))
    code, out, _ = train("--patience", 2, "--num-epochs", 5, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["val_losses"] == [1.0, 0.5, 0.7, 0.6]
    assert told["best_epoch"] == 1
    folder = tmp_path / "checkpoints" / "code_encoder"
    best = torch.load(folder / "best_model.pt", weights_only=True)["weights"]
    second = torch.load(folder / "checkpoint_epoch_1.pt", weights_only=True)["weights"]
    assert all(torch.equal(best[name], second[name]) for name in best)


def test_the_loss_is_checked_without_pairs_or_model(train):
    code, out, _ = train("--check-loss", pairs=None)
    assert code == 0
    assert out.count("ok  ") == 7
    assert "about ln 8 = 2.0794" in out
    code, out, _ = train("--check-loss", "--json", "--batch-size", 4, pairs=None)
    checks = json.loads(out)
    assert code == 0
    assert all(check["passed"] for check in checks)
    assert "ln 4 = 1.3863" in checks[0]["expected"]


def test_options_have_the_defaults_of_the_workflow():
    options = TrainOptions()
    assert options.model == "microsoft/codebert-base"
    assert (options.batch_size, options.num_epochs) == (8, 3)
    assert (options.learning_rate, options.temperature) == (2e-5, 0.07)
    assert options.checkpoint_dir == "checkpoints/code_encoder"
    assert options.train_split == 0.8
    assert options.towers == "two"
