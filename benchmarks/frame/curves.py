"""Recall against queries per second, size and time of building: a chart and the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.frame import results

_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf")


@dataclass(frozen=True)
class Point:
    """One setting of an index: recall@10, and queries per second asked one by one (1 / p50)."""

    recall: float
    queries_per_second: float


@dataclass(frozen=True)
class Curve:
    """One index.

    Attributes:
        points: by rising effort.
        bytes_on_disk: of all its files.
        memory_mb: of a fresh process that has searched it.
        build_seconds: from the first vector to the last file.
    """

    name: str
    points: Sequence[Point]
    bytes_on_disk: int
    memory_mb: float
    build_seconds: float


def draw(lines: Sequence[Curve], name: str, title: str) -> None:
    """Writes ``results/<name>.png`` and the figures to ``results/details/<name>.json``."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.2), width_ratios=(3, 2), layout="constrained"
    )
    for line, colour in zip(lines, _COLOURS, strict=False):
        recalls = [point.recall for point in line.points]
        rates = [point.queries_per_second for point in line.points]
        left.plot(recalls, rates, marker="o", color=colour, label=line.name)
    left.set_yscale("log")
    left.set_xlabel("recall@10")
    left.set_ylabel("queries per second")
    left.set_title(title, fontsize=10)
    left.grid(visible=True, which="both", alpha=0.25)
    left.legend(fontsize=8)
    for place, (line, colour) in enumerate(zip(lines, _COLOURS, strict=False)):
        disk = line.bytes_on_disk / 1e6
        right.barh(place - 0.2, disk, 0.36, color=colour, alpha=0.35)
        right.barh(place + 0.2, line.memory_mb, 0.36, color=colour, alpha=0.7)
        text = f" {disk:,.0f} MB on disk, built in {line.build_seconds:,.0f} s"
        right.text(0, place - 0.2, text, va="center", fontsize=8)
        right.text(0, place + 0.2, f" {line.memory_mb:,.0f} MB in memory", va="center", fontsize=8)
    right.invert_yaxis()
    right.set_yticks([])
    right.set_xlabel("MB: on disk, and of a process that searches")
    figure.savefig(results.FOLDER / f"{name}.png", dpi=110)
    plt.close(figure)
    details = results.FOLDER / "details"
    details.mkdir(exist_ok=True)
    text = json.dumps([asdict(line) for line in lines], indent=1)
    (details / f"{name}.json").write_text(text + "\n", "utf-8")
