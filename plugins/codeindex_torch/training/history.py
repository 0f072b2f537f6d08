"""``training_history.json`` and ``training_curves.png``: what happened in each epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from codeindex.files import replacing, write_whole

HISTORY = "training_history.json"
CURVES = "training_curves.png"


@dataclass
class History:
    """The epochs so far.

    Attributes:
        epochs: of each: epoch, train_loss, val_loss, learning_rate, temperature, seconds,
            pairs_per_second and the retrieval metrics.
        best_epoch: the epoch of the best model, or −1.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1

    @property
    def best_val_loss(self) -> float | None:
        """The lowest validation loss; None before the first epoch."""
        return min((float(epoch["val_loss"]) for epoch in self.epochs), default=None)

    def as_json(self) -> dict[str, Any]:
        """What the file holds."""
        return {
            "train_losses": [epoch["train_loss"] for epoch in self.epochs],
            "val_losses": [epoch["val_loss"] for epoch in self.epochs],
            "best_val_loss": self.best_val_loss,
            **asdict(self),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> History:
        """The reverse of `as_json`."""
        return cls(list(value["epochs"]), int(value["best_epoch"]))


def write_history(folder: Path, history: History, options: dict[str, Any]) -> None:
    """Writes the file, whole or not at all."""
    text = json.dumps({**history.as_json(), "options": options}, indent=2)
    write_whole(folder / HISTORY, text + "\n")


def draw_curves(folder: Path, history: History) -> bool:
    """Writes the plot; False if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return False
    epochs = [epoch["epoch"] for epoch in history.epochs]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, metrics = figure.subplots(1, 2)
    for name, label, colour in (
        ("train_loss", "training", "#4477aa"),
        ("val_loss", "validation", "#cc6677"),
    ):
        values = [epoch[name] for epoch in history.epochs]
        losses.plot(epochs, values, marker="o", color=colour, label=label)
    losses.set(title="InfoNCE loss", xlabel="epoch")
    for name, label, colour in (
        ("mrr", "MRR", "#228833"),
        ("recall_at_1", "Recall@1", "#ccbb44"),
        ("recall_at_10", "Recall@10", "#66ccee"),
    ):
        values = [epoch[name] for epoch in history.epochs]
        metrics.plot(epochs, values, marker="o", color=colour, label=label)
    pool = history.epochs[-1]["pool"] if history.epochs else 0
    metrics.set(title=f"Validation retrieval, {pool:,} candidates", xlabel="epoch", ylim=(0, 1))
    for axes in (losses, metrics):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(folder / CURVES) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return True
