"""A run that was stopped at any step goes on as if it had not been: bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from training_toys import paper_pairs, write_pairs

from codeindex.errors import UsageError
from codeindex_torch.training.checkpoint import read_checkpoint
from codeindex_torch.training.options import TrainOptions
from codeindex_torch.training.run import train

VARIANTS = {
    "plain": {},
    "shared, learned temperature, both directions": {
        "towers": "shared",
        "learn_temperature": True,
        "directions": "two",
        "projection": 16,
    },
    "chunks, accumulated, mined": {"chunk_size": 3, "accumulate": 2, "mine_negatives": 2},
    "cosine, early stopping": {"schedule": "cosine", "patience": 1, "best_by": "mrr"},
}


class Silent:
    """A watcher that stops after a number of steps; 0: never."""

    def __init__(self, stop_at: int = 0) -> None:
        self.steps: list[tuple[int, float, float]] = []
        self._stop_at = stop_at

    @property
    def stop(self) -> bool:
        return 0 < self._stop_at <= len(self.steps)

    def step(self, progress, total_steps, loss, rate):
        self.steps.append((progress.step, loss, rate))

    def epoch(self, facts, *, best):
        pass


def options_for(folder, model, **changes) -> TrainOptions:
    values = {
        "model": str(model),
        "batch_size": 8,
        "num_epochs": 3,
        "learning_rate": 2e-3,
        "precision": "fp32",
        "device": "cpu",
        "checkpoint_dir": str(folder),
    }
    return TrainOptions(**{**values, **changes})


def outcome(folder):
    """All that training leaves behind, but for the time it took."""
    last = max(folder.glob("checkpoint_epoch_*.pt"), key=lambda path: int(path.stem[17:]))
    found = torch.load(last, weights_only=True)
    best = torch.load(folder / "best_model.pt", weights_only=True)
    history = json.loads((folder / "training_history.json").read_text())
    for epoch in history["epochs"]:
        del epoch["seconds"], epoch["pairs_per_second"]
    del history["options"]
    return found["weights"], best["weights"], found["training"]["optimizer"], history


def assert_same(found, expected):
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


def stop_and_go(pairs, folder, model, steps, **changes):
    """Trains `steps` steps at a time, each run resumed from what the one before left."""
    options = options_for(folder, model, max_steps=steps, **changes)
    result = train(pairs, options, Silent())
    runs = 1
    while not result.finished:
        result = train(pairs, options, Silent(), resume_from=result.checkpoint)
        runs += 1
    return runs


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopped_and_resumed_is_uninterrupted(variant, model_folder, pairs_file, tmp_path):
    changes = VARIANTS[variant]
    whole = Silent()
    train(pairs_file, options_for(tmp_path / "whole", model_folder, **changes), whole)
    assert len({loss for _, loss, _ in whole.steps}) == len(whole.steps), "it has dropout"
    expected = outcome(tmp_path / "whole")
    for steps in (1, 4):
        folder = tmp_path / f"by{steps}"
        runs = stop_and_go(pairs_file, folder, model_folder, steps, **changes)
        assert runs >= len(whole.steps) // steps, "it did stop"
        assert_same(outcome(folder), expected)
        assert not (folder / "checkpoint_last.pt").exists()


def test_a_static_model_stopped_and_resumed_is_uninterrupted(bert_folder, pairs_file, tmp_path):
    changes = {"architecture": "static", "towers": "shared", "dim": 16, "max_length": 40}
    train(pairs_file, options_for(tmp_path / "whole", bert_folder, **changes), Silent())
    expected = outcome(tmp_path / "whole")
    assert stop_and_go(pairs_file, tmp_path / "parts", bert_folder, 2, **changes) > 3
    assert_same(outcome(tmp_path / "parts"), expected)
    first = torch.load(tmp_path / "whole" / "checkpoint_epoch_0.pt", weights_only=True)
    with pytest.raises(AssertionError):
        assert_same(first["weights"], expected[0])


def test_a_wrong_random_state_would_be_noticed(model_folder, pairs_file, tmp_path, monkeypatch):
    train(pairs_file, options_for(tmp_path / "whole", model_folder), Silent())
    monkeypatch.setattr(torch, "set_rng_state", lambda state: None)
    stop_and_go(pairs_file, tmp_path / "parts", model_folder, 2)
    with pytest.raises(AssertionError):
        assert_same(outcome(tmp_path / "parts"), outcome(tmp_path / "whole"))


def test_a_watcher_stops_after_the_step_and_all_is_kept(model_folder, pairs_file, tmp_path):
    options = options_for(tmp_path / "run", model_folder)
    watcher = Silent(stop_at=2)
    result = train(pairs_file, options, watcher)
    assert not result.finished
    assert len(watcher.steps) == 2
    assert result.checkpoint.name == "checkpoint_last.pt"
    rest = Silent()
    assert train(pairs_file, options, rest, resume_from=result.checkpoint).finished
    assert rest.steps[0][0] == 3
    train(pairs_file, options_for(tmp_path / "whole", model_folder), Silent())
    assert_same(outcome(tmp_path / "run"), outcome(tmp_path / "whole"))


def test_resumed_in_another_folder_and_from_an_early_epoch(model_folder, pairs_file, tmp_path):
    first = options_for(tmp_path / "whole", model_folder)
    train(pairs_file, first, Silent())
    elsewhere = replace(first, checkpoint_dir=str(tmp_path / "again"))
    early = tmp_path / "whole" / "checkpoint_epoch_0.pt"
    result = train(pairs_file, elsewhere, Silent(), resume_from=early)
    assert result.finished
    assert result.checkpoint.exists(), "the best model is named, and is there"
    assert_same(outcome(tmp_path / "again"), outcome(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 1e-5}, "--learning-rate was 0.002, now 1e-05"),
        ({"batch_size": 4, "temperature": 0.2}, "--temperature was 0.07, now 0.2"),
        ({"towers": "shared"}, "--towers was two, now shared"),
        ({"num_epochs": 5}, "--num-epochs was 3, now 5"),
    ],
)
def test_resume_with_other_options_is_refused(model_folder, pairs_file, tmp_path, change, named):
    options = options_for(tmp_path / "run", model_folder, max_steps=1)
    stopped = train(pairs_file, options, Silent()).checkpoint
    before = stopped.read_bytes()
    with pytest.raises(UsageError, match="other options") as caught:
        train(pairs_file, replace(options, **change), Silent(), resume_from=stopped)
    assert named in str(caught.value)
    assert stopped.read_bytes() == before


def test_resume_with_other_pairs_or_a_model_only_is_refused(model_folder, pairs_file, tmp_path):
    options = options_for(tmp_path / "run", model_folder, num_epochs=1)
    train(pairs_file, options, Silent())
    others = write_pairs(tmp_path / "others.json", paper_pairs(seed=9))
    with pytest.raises(UsageError, match="resume with the same file"):
        train(others, options, Silent(), resume_from=tmp_path / "run" / "checkpoint_epoch_0.pt")
    with pytest.raises(UsageError, match="model without the state of its training"):
        train(pairs_file, options, Silent(), resume_from=tmp_path / "run" / "best_model.pt")


def test_a_new_run_leaves_an_old_one_alone(model_folder, pairs_file, tmp_path):
    options = options_for(tmp_path / "run", model_folder, num_epochs=1)
    train(pairs_file, options, Silent())
    kept = {path: path.read_bytes() for path in (tmp_path / "run").glob("*.pt")}
    with pytest.raises(UsageError, match="--overwrite"):
        train(pairs_file, options, Silent())
    assert kept == {path: path.read_bytes() for path in (tmp_path / "run").glob("*.pt")}
    again = replace(options, seed=1)
    assert train(pairs_file, again, Silent(), overwrite=True).finished
    assert (
        kept[tmp_path / "run" / "best_model.pt"]
        != (tmp_path / "run" / "best_model.pt").read_bytes()
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_process_goes_on_from_its_last_checkpoint(
    number, model_folder, pairs_file, tmp_path
):
    """The process ends itself after its seventh step: no test depends on timing."""
    code = (
        "import os, sys\n"
        "from codeindex.cli import run\n"
        "from codeindex_torch.commands.train_progress import TerminalWatcher\n"
        "plain = TerminalWatcher.step\n"
        "def step(self, progress, *rest):\n"
        "    plain(self, progress, *rest)\n"
        f"    if progress.step == 7: os.kill(os.getpid(), {int(number)})\n"
        "TerminalWatcher.step = step\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    words = ["train", str(pairs_file), "--model", str(model_folder), "--batch-size", "8"]
    words += ["--learning-rate", "2e-3", "--precision", "fp32", "--device", "cpu"]
    words += ["--checkpoint-steps", "2", "--checkpoint-dir"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    folder = tmp_path / "run"
    if number == signal.SIGKILL:
        assert done.returncode == -signal.SIGKILL
        at = 6
    else:
        assert done.returncode == 130, done.stderr
        assert "--resume-from run/checkpoint_last.pt" in done.stdout
        assert "Traceback" not in done.stderr
        at = 7
    last = folder / "checkpoint_last.pt"
    state = json.loads(read_checkpoint(last).training["progress"])
    assert state["step"] == at
    options = options_for(folder, model_folder)
    assert train(pairs_file, options, Silent(), resume_from=last).finished
    train(pairs_file, options_for(tmp_path / "whole", model_folder), Silent())
    assert_same(outcome(folder), outcome(tmp_path / "whole"))
