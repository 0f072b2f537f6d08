"""What ``codeindex train`` refuses or tells, and the runs that it leaves alone."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest
from training_toys import paper_pairs, write_pairs

from codeindex.cli import run
from codeindex.pairs import Pair
from codeindex_torch.commands.train_progress import TerminalWatcher
from codeindex_torch.training.checks import check_batches
from codeindex_torch.training.data import Encoded
from codeindex_torch.training.options import TrainOptions


@pytest.fixture
def train(model_folder, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(pairs, *words):
        write_pairs(tmp_path / "pairs.json", pairs)
        given = ["pairs.json", "--model", str(model_folder), "--checkpoint-dir", "run"]
        code = run(["train", *given, "--device", "cpu", "--precision", "fp32", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def contents(folder):
    """Of each file below: its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- a folder that holds a run ----------------------------------------------------------------


def test_a_run_stopped_in_its_first_epoch_is_not_replaced(train, tmp_path):
    pairs = paper_pairs()
    code, out, _ = train(pairs, "--max-steps", 2)
    assert (code, out) == (
        0,
        "stopped; go on with: codeindex train pairs.json --resume-from run/checkpoint_last.pt\n",
    )
    before = contents(tmp_path / "run")
    assert {path.name for path in before} == {"checkpoint_last.pt"}
    code, out, err = train(pairs, "--num-epochs", 1)
    assert (code, out) == (2, "")
    assert "run holds a training run: go on with it" in err
    assert "(codeindex train pairs.json --resume-from run/checkpoint_last.pt)" in err
    assert "--overwrite" in err
    assert contents(tmp_path / "run") == before
    assert train(pairs, "--overwrite", "--num-epochs", 1)[0] == 0


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["checkpoint_epoch_3.pt"], "--resume-from run/checkpoint_epoch_3.pt"),
        (["checkpoint_epoch_10.pt", "checkpoint_epoch_9.pt"], "run/checkpoint_epoch_9.pt"),
        (["checkpoint_last.pt", "checkpoint_epoch_9.pt"], "run/checkpoint_last.pt"),
        (["best_model.pt"], "go on with it (--resume-from)"),
        (["training_history.json"], "go on with it (--resume-from)"),
    ],
)
def test_any_file_of_a_run_counts_and_the_newest_is_named(train, tmp_path, names, named):
    (tmp_path / "run").mkdir()
    for seconds, name in enumerate(names):
        (tmp_path / "run" / name).write_bytes(b"")
        os.utime(tmp_path / "run" / name, (seconds, seconds))
    code, _, err = train(paper_pairs())
    assert code == 2
    assert "holds a training run" in err
    assert named in err


def test_a_finished_run_is_told_and_left_as_it_is(train, tmp_path):
    pairs = paper_pairs()
    assert train(pairs, "--num-epochs", 2)[0] == 0
    before = contents(tmp_path / "run")
    times = {path: path.stat().st_mtime_ns for path in before}
    last = ("--num-epochs", 2, "--resume-from", "run/checkpoint_epoch_1.pt")
    code, out, err = train(pairs, *last)
    assert code == 0
    assert out.startswith("this run is finished: its 2 epochs are done; nothing was done\nbest ")
    assert "checkpoint  run/best_model.pt\n" in out
    assert "going on" not in err
    code, out, _ = train(pairs, *last, "--json", "--checkpoint-dir", "elsewhere")
    assert code == 0
    assert json.loads(out)["checkpoint"] == "run/best_model.pt"
    assert not (tmp_path / "elsewhere").exists()
    assert {path: path.stat().st_mtime_ns for path in contents(tmp_path / "run")} == times
    assert contents(tmp_path / "run") == before


def test_a_run_that_lost_its_patience_is_finished(train, monkeypatch):
    from codeindex_torch.training import trainer

    monkeypatch.setattr(trainer, "validation_loss", lambda *arguments: 1.0)
    assert train(paper_pairs(), "--patience", 1)[0] == 0
    code, out, _ = train(paper_pairs(), "--resume-from", "run/checkpoint_epoch_1.pt")
    assert code == 0
    assert "this run is finished: its 2 epochs are done" in out


def test_only_the_newest_checkpoints_are_kept(train, tmp_path):
    def kept(*words):
        assert train(paper_pairs(), "--num-epochs", 3, *words)[0] == 0
        return sorted(path.name for path in (tmp_path / "run").glob("*.pt"))

    every = ["best_model.pt", *(f"checkpoint_epoch_{number}.pt" for number in range(3))]
    assert kept() == every
    assert kept("--overwrite", "--keep", 2) == [every[0], *every[2:]]
    assert kept("--resume-from", "run/checkpoint_epoch_1.pt", "--keep", 1) == [every[0], every[3]]
    code, _, err = train(paper_pairs(), "--keep", -1)
    assert code == 2
    assert "--keep must be at least 0" in err


# -- one ending -------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_an_interrupted_run_ends_once(train, monkeypatch, words):
    plain = TerminalWatcher.step

    def step(self, progress, *rest):
        plain(self, progress, *rest)
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TerminalWatcher, "step", step)
    code, out, err = train(paper_pairs(), *words)
    assert code == 130
    assert "run/checkpoint_last.pt" in out
    assert (out + err).count("stopped") == (0 if words else 1)


# -- nothing to tell apart --------------------------------------------------------------------


def of_papers(*sizes):
    """Pairs of some papers, so many each."""
    return [
        Pair(f"p{paper}", f"def f{paper}x{file}", metadata={"arxiv_id": f"2401.{paper:05}"})
        for paper, size in enumerate(sizes)
        for file in range(size)
    ]


def test_pairs_of_one_paper_are_not_trained_on(train, tmp_path):
    pairs = of_papers(16, 4)
    code, out, err = train(pairs)
    assert (code, out) == (2, "")
    assert "all 16 pairs to train on are of one paper: none is a negative of another" in err
    assert "more papers" in err
    assert "--split-by pair" in err
    assert not list((tmp_path / "run").iterdir())
    assert "loading" not in err
    assert train(pairs, "--split-by", "pair", "--num-epochs", 1)[0] == 0
    hard = [replace(pair, negatives=("def other",)) for pair in pairs]
    assert train(hard, "--overwrite", "--num-epochs", 1)[0] == 0
    code, _, err = train(hard, "--overwrite", "--negatives", "none")
    assert code == 2
    assert "nothing to tell apart" in err


def test_few_queries_to_validate_with_are_told(train):
    _, _, err = train(of_papers(*[3] * 30), "--max-steps", 1)
    assert "there are only 6 queries to validate with: its scores mean little\n" in err
    _, _, err = train(of_papers(*[1] * 100), "--max-steps", 1, "--overwrite")
    assert "mean little" not in err


def test_batches_that_are_full_of_one_paper_are_told(model_folder):
    from codeindex_torch.loading import load_model

    tokens = load_model(str(model_folder)).tokens()
    options = TrainOptions(batch_size=4)

    def told(pairs):
        said = []
        check_batches(Encoded.of(pairs, tokens), options, said.append)
        return said

    alone, *_ = told(of_papers(40, 2))
    assert "of 42 pairs have no negative in their batch" in alone
    assert int(alone.split()[0]) in range(32, 41)
    assert told(of_papers(*[2] * 20)) == []
    hard = [replace(pair, negatives=("def other",)) for pair in of_papers(40, 2)]
    assert told(hard) == []
