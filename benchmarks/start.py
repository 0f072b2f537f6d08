"""How long the command line takes to start."""

from __future__ import annotations

from statistics import median

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.process import codeindex, timed


def measure(settings: Settings) -> list[Measure]:
    """``codeindex --help`` as a whole process."""
    timed(codeindex("--help"))
    samples = [1000 * timed(codeindex("--help")) for _ in range(3 * settings.repeats)]
    return [Measure("`codeindex --help`", median(samples), "ms", 150, samples={"help": samples})]


BENCHMARK = Benchmark("start", "how long `codeindex --help` takes", measure)
