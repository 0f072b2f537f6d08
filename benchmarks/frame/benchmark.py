"""Benchmark and Measure: what is run and what it reports."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import benchmarks


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes:
        repeats: counted runs of each thing that is compared.
        quick: a small input, to see that the benchmark works; its figures mean nothing.
        cache: folder for corpora and the peer's environment, kept between runs.
    """

    repeats: int
    quick: bool
    cache: Path


@dataclass(frozen=True)
class Measure:
    """One figure and the goal that it is held against.

    Attributes:
        name: what was measured, as the table shows it.
        value: in `unit`.
        unit: ``×`` for a ratio to the peer, else ``s``, ``ms``, ``MB``, ``%``, ``failures``.
        goal: at most this, or at least; None where there is no goal.
        detail: the absolute figures behind it, in words.
        samples: every counted run, by what ran.
        at_least: more is better: the goal is a lower limit.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    detail: str = ""
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


@dataclass(frozen=True)
class Benchmark:
    """One file of this package: ``BENCHMARK = Benchmark(…)``.

    Attributes:
        peers: pinned requirements of what it is compared with, beside semble.
        slow: it takes more than half an hour, and is run by its name only.
    """

    name: str
    summary: str
    run: Callable[[Settings], list[Measure]]
    peers: Sequence[str] = ()
    slow: bool = False


def all_benchmarks() -> dict[str, Benchmark]:
    """Every benchmark by name, found as the modules of this package."""
    found = {}
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if not module.ispkg and not module.name.startswith("_"):
            benchmark = importlib.import_module(f"benchmarks.{module.name}").BENCHMARK
            found[benchmark.name] = benchmark
    return dict(sorted(found.items()))


def ratio(name: str, ours: Sequence[float], theirs: Sequence[float], goal: float) -> Measure:
    """Median of the ratios pair by pair: a pair ran one right after the other.

    Args:
        ours, theirs: seconds, in the order they ran.
    """
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Measure(
        name,
        median(pairs),
        "×",
        goal,
        f"{seconds(median(ours))} against {seconds(median(theirs))}",
        {"codeindex": list(ours), "peer": list(theirs), "ratio": pairs},
    )


def speedup(
    name: str, ours: Sequence[float], theirs: Sequence[float], goal: float, unit: str
) -> Measure:
    """Median of how many times as fast, pair by pair: a pair ran one right after the other.

    Args:
        ours, theirs: rates, in the order they ran.
        unit: of the rates, as the table shows it: ``snippets/s``.
    """
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Measure(
        name,
        median(pairs),
        "×",
        goal,
        f"{median(ours):.3g} against {median(theirs):.3g} {unit}",
        {"codeindex": list(ours), "peer": list(theirs), "ratio": pairs},
        at_least=True,
    )


def seconds(value: float) -> str:
    """``1.84 s`` or ``240 ms`` or ``1.9 ms``."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1000 * value:.0f} ms" if value >= 0.01 else f"{1000 * value:.2f} ms"
