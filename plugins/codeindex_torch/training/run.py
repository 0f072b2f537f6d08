"""From a file of pairs to a trained model: everything around the loop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from codeindex.errors import UsageError
from codeindex.pairs import Pair
from codeindex.pairs.reading import read_pairs
from codeindex.pairs.splitting import split_pairs
from codeindex_torch.devices import bfloat16_is_faster, choose_device
from codeindex_torch.encoder import encode_texts
from codeindex_torch.loading import LoadedModel
from codeindex_torch.training.checkpoint import Checkpoint, Progress
from codeindex_torch.training.checks import check_batches, check_pairs
from codeindex_torch.training.data import Encoded, PairKeys
from codeindex_torch.training.history import History
from codeindex_torch.training.negatives import mine_negatives
from codeindex_torch.training.options import TrainOptions
from codeindex_torch.training.run_folder import BEST, claim, latest_checkpoint, move, resumable
from codeindex_torch.training.starting import new_model
from codeindex_torch.training.teaching import make_teacher
from codeindex_torch.training.trainer import (
    Material,
    Trainer,
    Watcher,
)
from codeindex_torch.training.validation import Questions


@dataclass(frozen=True)
class Start:
    """What a run begins with, for people.

    Attributes:
        train, validation: pairs on either side.
        precision, device: what was chosen.
        resumed_at: (epoch, step), or None.
    """

    train: int
    validation: int
    batches: int
    total_steps: int
    precision: str
    device: str
    resumed_at: tuple[int, int] | None


@dataclass(frozen=True)
class TrainResult:
    """What came out.

    Attributes:
        finished: False if it was stopped; `--resume-from` goes on.
        before: it was finished before, and nothing was done.
        folder: where the checkpoints are.
    """

    finished: bool
    folder: Path
    history: History
    checkpoint: Path
    before: bool = False


def train(
    pairs_file: Path,
    options: TrainOptions,
    watcher: Watcher,
    *,
    resume_from: Path | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = lambda text: None,
    started: Callable[[Start], None] = lambda start: None,
) -> TrainResult:
    """Trains on the pairs of a file.

    Args:
        options: all of them. With `resume_from` they must be those of the checkpoint, but for
            what does not decide the weights.
        say: told what is being done. started: told of the sizes before the first step.

    Raises:
        UsageError: the pairs, the options or the checkpoint cannot be used.
        DivergedError: see `Trainer.run`.
    """
    folder = Path(options.checkpoint_dir)
    device = choose_device(options.device)
    # Whose dropout can be replaced by one that is cheap there, see `make_cheap`.
    attention = "eager" if device.type == "cpu" else "sdpa"
    checkpoint = None if resume_from is None else resumable(resume_from, options, attention)
    options = replace(options, precision=_precision(options, checkpoint))
    if checkpoint is None:
        claim(folder, pairs_file, overwrite=overwrite)
    pairs = read_pairs(pairs_file, say)
    digest = _digest(pairs_file)
    if checkpoint is not None and checkpoint.training["pairs_digest"] != digest:
        raise UsageError(
            f"{pairs_file} does not hold the pairs that {resume_from} was trained on;"
            " resume with the same file"
        )
    if checkpoint is not None and resume_from is not None:
        if done := _done_before(checkpoint, resume_from):
            return done
        move(resume_from.parent, folder, pairs_file)
    split = split_pairs(
        pairs, train_share=options.train_split, seed=options.seed, by=options.split_by
    )
    chosen, held_out = ([pairs[at] for at in side] for side in (split.train, split.validation))
    check_pairs(chosen, held_out, options, say)
    say(f"loading {options.model}" if checkpoint is None else f"resuming from {resume_from}")
    model = (
        new_model(options, attention, chosen, device) if checkpoint is None else checkpoint.model
    )
    device, autocast = _accelerator(options)
    mined = None if checkpoint is None else checkpoint.training["mined"]
    if options.mine_negatives and mined is None:
        say(f"mining {options.mine_negatives} hard negatives a pair")
        mined = _mine(model, chosen, options.mine_negatives, device)
    material = _material(
        model,
        _with_negatives(chosen, mined, options),
        held_out,
        digest,
        mined,
    )
    material = replace(material, teacher=make_teacher(chosen, options, device, say))
    check_batches(material.train, options, say)
    trainer = Trainer(model, material, options, device, autocast, watcher)
    if checkpoint is not None:
        trainer.resume(dict(checkpoint.training))
    started(_start(trainer, material, options, device, checkpoint is not None))
    finished = trainer.run()
    name = BEST if finished else latest_checkpoint(folder, trainer.progress.epoch)
    return TrainResult(finished, folder, trainer.history, folder / name)


def _done_before(checkpoint: Checkpoint, path: Path) -> TrainResult | None:
    """What came out of a run that has nothing left to do; else None."""
    state = checkpoint.training
    progress = Progress(**json.loads(state["progress"]))
    if not progress.finished(TrainOptions(**json.loads(state["options"]))):
        return None
    best = path.with_name(BEST)
    history = History.from_json(json.loads(state["history"]))
    return TrainResult(True, path.parent, history, best if best.exists() else path, before=True)


def _precision(options: TrainOptions, checkpoint: Checkpoint | None) -> Any:
    if checkpoint is not None:
        return json.loads(checkpoint.training["options"])["precision"]
    if options.precision != "auto":
        return options.precision
    return "bf16" if bfloat16_is_faster(choose_device(options.device)) else "fp32"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _accelerator(options: TrainOptions) -> tuple[torch.device, Callable[[], Any]]:
    """Device and precision by `accelerate`, which also joins the processes that it launched."""
    from accelerate import Accelerator

    wanted = choose_device(options.device)
    if wanted.type == "cuda" and wanted.index is not None:
        torch.cuda.set_device(wanted)
    accelerator = Accelerator(
        mixed_precision="bf16" if options.precision == "bf16" else "no", cpu=wanted.type == "cpu"
    )
    return accelerator.device, accelerator.autocast


def _mine(
    model: LoadedModel, pairs: Sequence[Pair], wanted: int, device: torch.device
) -> torch.Tensor:
    dual = model.dual.to(device).eval()
    tokens = model.tokens()
    ask, search = (model.prompts.get(role, "") for role in ("query", "corpus"))
    anchors = encode_texts(dual.query, tokens, [ask + pair.anchor for pair in pairs], device)
    positives = encode_texts(
        dual.corpus, tokens, [search + pair.positive for pair in pairs], device
    )
    return mine_negatives(anchors, positives, PairKeys.of(pairs), wanted)


def _with_negatives(
    pairs: Sequence[Pair], mined: torch.Tensor | None, options: TrainOptions
) -> list[Pair]:
    """The pairs with the hard negatives that are to be used."""
    own = options.negatives == "file"
    rows = mined.tolist() if mined is not None else [[] for _ in pairs]
    return [
        replace(
            pair,
            negatives=(
                *(pair.negatives if own else ()),
                *(pairs[place].positive for place in row if place >= 0),
            ),
        )
        for pair, row in zip(pairs, rows, strict=True)
    ]


def _material(
    model: LoadedModel,
    chosen: Sequence[Pair],
    held_out: Sequence[Pair],
    digest: str,
    mined: torch.Tensor | None,
) -> Material:
    tokens = model.tokens()
    prompts = [model.prompts.get(role, "") for role in ("query", "corpus")]
    return Material(Encoded.of(chosen, tokens, prompts), Questions.of(held_out), digest, mined)


def _start(
    trainer: Trainer,
    material: Material,
    options: TrainOptions,
    device: torch.device,
    resumed: bool,
) -> Start:
    at = (trainer.progress.epoch, trainer.progress.step) if resumed else None
    steps = trainer.total_steps // options.num_epochs
    return Start(
        len(material.train),
        len(material.questions.pairs),
        steps,
        trainer.total_steps,
        options.precision,
        str(device),
        at,
    )
