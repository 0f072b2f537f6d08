"""A chart of systems: each metric with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codeindex.errors import UsageError
from codeindex.evaluation.metrics import METRICS
from codeindex.evaluation.report import Report
from codeindex.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from codeindex.evaluation.measuring import Measured

FORMATS = ("png", "svg")
_COLOURS = ("#4477aa", "#cc6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
_NARROW = 0.2
_INSTALL = "pip install matplotlib"


def check_chart(path: Path) -> None:
    """Refuses, before any work, what could not be drawn.

    Raises:
        UsageError: another suffix, or matplotlib is not installed.
    """
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise UsageError(f"a chart is a .png or .svg file, not {path.name!r}")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"a chart needs matplotlib ({error}); install it with: {_INSTALL}"
        ) from error


def draw(path: Path, report: Report) -> None:
    """Writes the chart, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.figure import Figure

    systems = report.systems
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(systems)
    for place, system in enumerate(systems):
        at = [row + (place + 0.5) * width - 0.4 for row in range(len(METRICS))]
        _bars(axes, at, width, system, _COLOURS[place % len(_COLOURS)])
    axes.set_xticks(range(len(METRICS)), METRICS)
    axes.set(ylim=(0, 1.08), ylabel="mean, with its 95 % interval")
    asked = len(report.questions.asked)
    axes.set_title(
        f"{asked:,} questions ({_short(report.questions.source)}) over {systems[0].pool:,}"
        f" {report.asking.level.value}s",
        fontsize=10,
    )
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=min(3, len(systems)), frameon=False)
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lower().removeprefix("."), dpi=150)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _bars(axes: Axes, at: Sequence[float], width: float, system: Measured, colour: str) -> None:
    """One system: a bar for each metric, with its interval and its value above."""
    means = [system.mean(metric) for metric in METRICS]
    ends = [system.interval(metric) for metric in METRICS]
    errors = [
        [max(0.0, mean - low) for mean, (low, _) in zip(means, ends, strict=True)],
        [max(0.0, high - mean) for mean, (_, high) in zip(means, ends, strict=True)],
    ]
    axes.bar(at, means, width * 0.92, color=colour, alpha=0.75, label=system.name)
    axes.errorbar(at, means, errors, fmt="none", ecolor="#333333", elinewidth=1, capsize=3)
    for x, mean, (_, high) in zip(at, means, ends, strict=True):
        axes.annotate(
            f"{mean:.2f}", (x, high), (0, 3), textcoords="offset points",
            ha="center", va="bottom", fontsize=8 if width > _NARROW else 6,
        )  # fmt: skip


def _short(source: str) -> str:
    return Path(source).name or source
