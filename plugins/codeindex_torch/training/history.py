"""``training_history.json`` and ``training_curves.png``: what happened, step by step."""

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
        step_losses: (step, its training loss), of some hundreds of steps over the whole run.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1
    step_losses: list[tuple[int, float]] = field(default_factory=list)

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
        steps = [(int(step), float(loss)) for step, loss in value["step_losses"]]
        return cls(list(value["epochs"]), int(value["best_epoch"]), steps)


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
    ends = [epoch["step"] for epoch in history.epochs]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, metrics = figure.subplots(1, 2)
    if history.step_losses:
        losses.plot(*_smooth(history.step_losses), color="#bbbbbb", label="batches")
    for axes, name, label, colour in (
        (losses, "train_loss", "training, mean of the epoch", "#4477aa"),
        (losses, "val_loss", "validation", "#cc6677"),
        (metrics, "mrr", "MRR", "#228833"),
        (metrics, "recall_at_1", "Recall@1", "#ccbb44"),
        (metrics, "recall_at_10", "Recall@10", "#66ccee"),
    ):
        values = [epoch[name] for epoch in history.epochs]
        axes.plot(ends, values, marker="o", color=colour, label=label)
    losses.set(title="InfoNCE loss", xlabel="step", xlim=(0, None), ylim=(0, None))
    pool = history.epochs[-1]["pool"] if history.epochs else 0
    title = f"Validation retrieval, {pool:,.0f} candidates"
    metrics.set(title=title, xlabel="step", xlim=(0, None), ylim=(0, 1))
    for axes in (losses, metrics):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(folder / CURVES) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return True


def _smooth(points: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    """Steps and losses, each the mean of those around it."""
    reach = max(1, len(points) // 50)
    values = [loss for _, loss in points]
    windows = [values[max(0, at - reach) : at + reach + 1] for at in range(len(values))]
    return [step for step, _ in points], [sum(window) / len(window) for window in windows]
