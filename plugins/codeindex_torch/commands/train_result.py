"""What came out of a training run, for people and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.session import Session

if TYPE_CHECKING:
    from codeindex_torch.training.run import TrainResult


def as_json(result: TrainResult) -> dict[str, Any]:
    """For ``--json``."""
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


def print_result(session: Session, result: TrainResult, pairs: Path) -> None:
    """The best epoch, where everything lies, and what to do next."""
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
    click.echo(f"folder      {result.folder / 'best_model'} {_readers(result.folder)}")
    click.echo(f"history     {result.folder / 'training_history.json'}")
    if (result.folder / "training_curves.png").exists():
        click.echo(f"curves      {result.folder / 'training_curves.png'}")
    else:
        session.say("no plot of the curves: it needs matplotlib (pip install matplotlib)")
    click.echo(f"next        codeindex export {result.checkpoint} -o my-encoder/")


def _readers(folder: Path) -> str:
    static = (folder / "best_model" / "static.json").exists()
    return "" if static else "(transformers, sentence-transformers)"
