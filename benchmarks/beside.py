"""Eight readers beside a writer: no error, nothing torn, nothing older than what was committed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.reliability.beside import readers_beside_a_writer

READERS = 8
SECONDS, QUICK_SECONDS = 60.0, 5.0

BACKENDS: Mapping[str, Mapping[str, str]] = {"faiss": {"type": "hnsw"}, "qdrant-edge": {}}


def measure(settings: Settings) -> list[Measure]:
    """The writer updates, removes, optimizes and rebuilds; readers search and check."""
    seconds = QUICK_SECONDS if settings.quick else SECONDS
    return [_measure(backend, seconds) for backend in BACKENDS]


def _measure(backend: str, seconds: float) -> Measure:
    with tempfile.TemporaryDirectory() as folder:
        started: list[float] = []

        def go_on(steps: int) -> bool:
            started.append(time.monotonic())
            return started[-1] - started[0] < seconds

        done = readers_beside_a_writer(Path(folder), backend, BACKENDS[backend], READERS, go_on)
    for problem in done.problems:
        print(f"  {backend}: {problem}", flush=True)
    return Measure(
        f"{READERS} readers beside a writer on `{backend}`, {seconds:.0f} s: errors",
        len(done.problems),
        "errors",
        0,
        f"{done.queries:,} queries answered beside {done.steps:,} changes; in"
        f" {done.unanswered:,} answers a snippet that was just being replaced was left out",
        {"queries": [done.queries], "changes": [done.steps]},
    )


BENCHMARK = Benchmark("beside", "readers beside a writer: errors and torn answers", measure)
