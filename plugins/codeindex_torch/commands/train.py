"""``codeindex train``: fine-tunes an encoder on pairs of text and code."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from codeindex.cli import INTERRUPTED
from codeindex.cli.options import json_option
from codeindex.cli.session import Session, pass_session
from codeindex_torch import DEFAULT_MODEL

if TYPE_CHECKING:
    from codeindex_torch.training.checkpoint import Progress
    from codeindex_torch.training.options import TrainOptions
    from codeindex_torch.training.run import Start, TrainResult


@click.command(
    epilog="Example: codeindex train parsed_pairs.json --towers shared --batch-size 64"
    " --chunk-size 16"
)
@click.argument("pairs", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="Hub name, local folder or .pt to begin with.",
)
@click.option(
    "--towers",
    type=click.Choice(["two", "shared"]),
    default="two",
    show_default=True,
    help="An encoder each for papers and code, or one.",
)
@click.option("--projection", default=0, metavar="DIM", help="Shared linear layer on top.")
@click.option(
    "--pooling",
    type=click.Choice(["auto", "cls", "mean"]),
    default="auto",
    show_default=True,
    help="auto: what the model says, else cls.",
)
@click.option("--max-length", default=0, help="Tokens read; default: what the model says, or 512.")
@click.option("--batch-size", default=8, show_default=True, help="Pairs that are compared.")
@click.option(
    "--same-repository",
    default=1,
    metavar="N",
    show_default=True,
    help="Put N pairs of a repository side by side: harder negatives.",
)
@click.option(
    "--chunk-size", default=0, help="Texts encoded at once: large batches in little memory."
)
@click.option(
    "--accumulate", default=1, show_default=True, help="Batches a step; adds no negatives."
)
@click.option("--num-epochs", default=3, show_default=True, help="Passes over the pairs.")
@click.option("--learning-rate", default=2e-5, show_default=True, help="The highest rate.")
@click.option(
    "--schedule",
    type=click.Choice(["linear", "cosine", "constant"]),
    default="linear",
    show_default=True,
    help="How the rate falls after the warm-up.",
)
@click.option("--warmup", default=0.1, show_default=True, help="Share of steps it rises in.")
@click.option("--weight-decay", default=0.01, show_default=True, help="Of matrices.")
@click.option("--clip", default=1.0, show_default=True, help="Longest gradient; 0: not clipped.")
@click.option("--temperature", default=0.07, show_default=True, help="Of InfoNCE.")
@click.option("--learn-temperature", is_flag=True, help="Begin there, and learn it.")
@click.option(
    "--directions",
    type=click.Choice(["one", "two"]),
    default="one",
    show_default=True,
    help="Paper to code, or code to paper as well.",
)
@click.option(
    "--negatives",
    type=click.Choice(["file", "none"]),
    default="file",
    show_default=True,
    help="Whether hard negatives of the file are used.",
)
@click.option("--mine-negatives", default=0, metavar="N", help="Find N hard negatives a pair.")
@click.option("--train-split", default=0.8, show_default=True, help="Share trained on.")
@click.option(
    "--split-by",
    type=click.Choice(["paper", "file", "pair"]),
    default="paper",
    show_default=True,
    help="What stays on one side; paper: and repository.",
)
@click.option("--patience", default=0, help="Epochs without gain until it stops; 0: never.")
@click.option(
    "--best-by",
    type=click.Choice(["loss", "mrr"]),
    default="loss",
    show_default=True,
    help="What decides the best model.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto: bf16 where it is computed in hardware.",
)
@click.option("--seed", default=42, show_default=True, help="Of order and dropout.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--checkpoint-dir",
    default="checkpoints/code_encoder",
    show_default=True,
    help="Folder for models and history.",
)
@click.option("--checkpoint-steps", default=500, show_default=True, help="Save every N steps, too.")
@click.option(
    "--keep",
    default=0,
    metavar="N",
    help="Keep the newest N checkpoint_epoch_*.pt (and best, last); default: all.",
)
@click.option("--max-steps", default=0, metavar="N", help="Save and stop after N steps.")
@click.option("--log-to", default="", metavar="DIR", help="Also log for TensorBoard.")
@click.option(
    "--resume-from",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Go on from this checkpoint_*.pt, with its options.",
)
@click.option("--overwrite", is_flag=True, help="Replace a run in --checkpoint-dir.")
@click.option("--check-loss", is_flag=True, help="Only test the loss function, and exit.")
@json_option
@pass_session
def train(session: Session, /, pairs: Path | None, **given: Any) -> None:
    """Fine-tune encoders so that a text and its code are near to each other.

    PAIRS is parsed_pairs.json, or JSON or JSONL with anchor, positive and negative. Validation
    pairs are held out by paper and repository. The best model is kept as best_model.pt and as
    the folder best_model, which transformers and sentence-transformers load.

    Several processes: accelerate launch -m codeindex train PAIRS …
    """
    if given.pop("check_loss"):
        _check_loss(given)
        return
    if pairs is None:
        raise click.UsageError("which pairs? codeindex train PAIRS (or --check-loss)")
    from codeindex_torch.training.run import train as run

    resume_from, as_json = given.pop("resume_from"), given.pop("as_json")
    overwrite = given.pop("overwrite")
    options = _options(given, resume_from)
    with _watching(session, options) as watcher, _memory(options):
        result = run(
            pairs,
            options,
            watcher,
            resume_from=resume_from,
            overwrite=overwrite,
            say=session.say,
            started=watcher.start,
        )
    if not _is_first_process():
        return
    if as_json:
        click.echo(json.dumps(_as_json(result)))
    else:
        _print(session, result, pairs)
    if not result.finished and watcher.stop:
        click.get_current_context().exit(INTERRUPTED)


def _options(given: dict[str, Any], resume_from: Path | None) -> TrainOptions:
    """What was said, over what the checkpoint says, over the defaults."""
    from codeindex_torch.training.checkpoint import options_of
    from codeindex_torch.training.options import TrainOptions

    values = dict(given)
    if resume_from is not None:
        context = click.get_current_context()
        before = options_of(resume_from)
        for name in before:
            if context.get_parameter_source(name) is ParameterSource.DEFAULT:
                values[name] = before[name]
        if context.get_parameter_source("max_steps") is ParameterSource.DEFAULT:
            values["max_steps"] = 0
        if context.get_parameter_source("checkpoint_dir") is ParameterSource.DEFAULT:
            values["checkpoint_dir"] = str(resume_from.parent)
    known = {field.name for field in fields(TrainOptions)}
    return TrainOptions(**{name: value for name, value in values.items() if name in known})


class _Watcher:
    """Shows progress: a bar on a terminal, a line an epoch; TensorBoard where it is asked for."""

    def __init__(self, session: Session, log_to: str) -> None:
        self.stop = False
        self._session = session
        self._bar: Any = None
        self._log: Any = None
        self._pairs = 0
        self._began = time.perf_counter()
        self._log_to = log_to
        self._first = True

    def start(self, start: Start) -> None:
        """Before the first step."""
        self._first = _is_first_process()
        if not self._first:
            return
        self._session.say(
            f"{start.train:,} pairs to train on, {start.validation:,} to validate;"
            f" {start.batches:,} steps an epoch; {start.device}, {start.precision}"
        )
        if start.resumed_at is not None:
            epoch, step = start.resumed_at
            self._session.say(f"going on in epoch {epoch} after {step:,} steps")
        if self._log_to:
            self._log = _tensorboard(self._log_to)
        if not self._session.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            done = start.resumed_at[1] if start.resumed_at else 0
            self._bar = tqdm(
                total=start.total_steps, initial=done, unit=" steps", leave=False, file=sys.stderr
            )
        self._began = time.perf_counter()

    def step(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        """After each step."""
        if not self._first:
            return
        if self._bar is not None:
            speed = progress.loss_count / max(1e-9, progress.seconds)
            self._bar.set_description(f"epoch {progress.epoch}", refresh=False)
            self._bar.set_postfix(loss=f"{loss:.4f}", pairs_s=f"{speed:.1f}", refresh=False)
            self._bar.update(progress.step - self._bar.n)
        if self._log is not None:
            self._log.add_scalar("train/loss", loss, progress.step)
            self._log.add_scalar("train/learning_rate", rate, progress.step)

    def epoch(self, facts: dict[str, Any], *, best: bool) -> None:
        """After each epoch."""
        if not self._first:
            return
        if self._bar is not None:
            self._bar.clear()
        mark = "  (best so far)" if best else ""
        self._session.say(
            f"epoch {facts['epoch']}: train loss {facts['train_loss']:.4f},"
            f" val loss {facts['val_loss']:.4f}, MRR {facts['mrr']:.3f},"
            f" Recall@10 {facts['recall_at_10']:.3f} of {facts['pool']:.0f},"
            f" {facts['pairs_per_second']:.1f} pairs/s{mark}"
        )
        if self._log is not None:
            for name in ("train_loss", "val_loss", "mrr", "recall_at_1", "recall_at_10"):
                self._log.add_scalar(f"epoch/{name}", facts[name], facts["epoch"])

    def close(self) -> None:
        """Takes the bar away and finishes the log."""
        if self._bar is not None:
            self._bar.close()
        if self._log is not None:
            self._log.close()


@contextmanager
def _watching(session: Session, options: TrainOptions) -> Iterator[_Watcher]:
    """The first Ctrl-C (or SIGTERM) finishes the step and saves; the second one stops at once."""
    watcher = _Watcher(session, options.log_to)

    def ask(number: int, frame: Any) -> None:
        if watcher.stop:
            raise KeyboardInterrupt
        watcher.stop = True
        session.say("\nfinishing this step, then saving; once more to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield watcher
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        watcher.close()


@contextmanager
def _memory(options: TrainOptions) -> Iterator[None]:
    """Where memory runs out, says which option to lower."""
    import torch

    from codeindex.errors import UsageError

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        text = str(error)
        if isinstance(error, RuntimeError) and not any(
            words in text for words in ("out of memory", "can't allocate memory")
        ):
            raise
        chunk = (
            f"lower --chunk-size (now {options.chunk_size})"
            if options.chunk_size
            else "give --chunk-size 8, which keeps the batch and its result"
        )
        raise UsageError(
            f"out of memory: {chunk}, or lower --batch-size (now {options.batch_size}) or"
            " --max-length. What was saved is kept"
        ) from error


def _tensorboard(folder: str) -> Any:
    from codeindex.errors import UsageError

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError("--log-to needs tensorboard; run: pip install tensorboard") from None
    return SummaryWriter(folder)


def _is_first_process() -> bool:
    from codeindex_torch.training.processes import world

    return world()[0] == 0


def _check_loss(given: dict[str, Any]) -> None:
    from codeindex_torch.training.check_loss import check_loss

    checks = list(
        check_loss(
            batch_size=max(2, given["batch_size"]),
            temperature=given["temperature"],
            two_directions=given["directions"] == "two",
            seed=given["seed"],
        )
    )
    if given["as_json"]:
        click.echo(json.dumps([vars(check) for check in checks]))
    else:
        click.echo(
            f"InfoNCE, batch {max(2, given['batch_size'])}, temperature {given['temperature']}"
        )
        for check in checks:
            mark = "ok  " if check.passed else "FAIL"
            click.echo(f"{mark} {check.name}: {check.measured} (expected: {check.expected})")
    if not all(check.passed for check in checks):
        click.get_current_context().exit(1)


def _as_json(result: TrainResult) -> dict[str, Any]:
    return {
        "finished": result.finished,
        "checkpoint": str(result.checkpoint),
        "folder": str(result.folder),
        **result.history.as_json(),
    }


def _epochs(result: TrainResult) -> str:
    """Of a finished run: how far it went."""
    done = len(result.history.epochs)
    return "its 1 epoch is done" if done == 1 else f"its {done} epochs are done"


def _print(session: Session, result: TrainResult, pairs: Path) -> None:
    if not result.finished:
        from codeindex_torch.training.run_folder import resume_command

        click.echo(f"stopped; go on with: {resume_command(pairs, result.checkpoint)}")
        return
    if result.before:
        click.echo(f"this run is finished: {_epochs(result)}; nothing was done")
    best = result.history.epochs[result.history.best_epoch]
    click.echo(
        f"best model  epoch {best['epoch']}: val loss {best['val_loss']:.4f},"
        f" MRR {best['mrr']:.3f}, Recall@1 {best['recall_at_1']:.3f},"
        f" Recall@10 {best['recall_at_10']:.3f}, {best['queries']:.0f} queries over"
        f" {best['pool']:.0f} candidates"
    )
    click.echo(f"checkpoint  {result.checkpoint}")
    click.echo(f"folder      {result.folder / 'best_model'} (transformers, sentence-transformers)")
    click.echo(f"history     {result.folder / 'training_history.json'}")
    if (result.folder / "training_curves.png").exists():
        click.echo(f"curves      {result.folder / 'training_curves.png'}")
    else:
        session.say("no plot of the curves: it needs matplotlib (pip install matplotlib)")
    click.echo(f"next        codeindex export {result.checkpoint} -o my-encoder/")
