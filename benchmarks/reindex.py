"""Indexing Django again: nothing changed, one file edited."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, seconds
from benchmarks.frame.process import codeindex, run, timed


def measure(settings: Settings) -> list[Measure]:
    """Cold, unchanged and edited in turn, on one copy of the tree."""
    cold, unchanged, edited = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(corpora.django(settings.cache, quick=settings.quick), tree)
        file = tree / ("utils/http.py" if not settings.quick else "utils/dates.py")
        if not file.exists():
            file = next(tree.rglob("dates.py"))
        time.sleep(2.5)  # fresh files are read again, as their times cannot be trusted yet
        for number in range(settings.repeats):
            index = Path(scratch) / f"index-{number}"
            again = codeindex("--quiet", "index", tree, "--index", index)
            cold.append(timed(again))
            unchanged.append(timed(again))
            with file.open("a") as text:
                text.write(f'\n\ndef edited_{number}():\n    """Number {number}."""\n')
            edited.append(timed(again))
            time.sleep(2.5)
            run(again)
            shutil.rmtree(index)
    shares = [100 * a / b for a, b in zip(edited, cold, strict=True)]
    return [
        Measure(
            "index Django again after editing one file",
            median(edited),
            "s",
            0.5,
            samples={"edited": edited},
        ),
        Measure(
            "the same, as a share of the time from nothing",
            median(shares),
            "%",
            5,
            f"{seconds(median(edited))} of {seconds(median(cold))}",
            {"cold": cold, "share": shares},
        ),
        Measure(
            "index Django again, nothing changed",
            median(unchanged),
            "s",
            0.3,
            samples={"unchanged": unchanged},
        ),
    ]


BENCHMARK = Benchmark("reindex", "index a tree again after nothing or one file changed", measure)
