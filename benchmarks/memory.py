"""Peak memory of indexing Django, and of twice as much code."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.process import codeindex, peak_memory_mb


def measure(settings: Settings) -> list[Measure]:
    """The process and its workers together. The second copy lies under another path, so that
    each of its texts is a new one."""
    repeats = max(1, settings.repeats // 2)
    with tempfile.TemporaryDirectory() as scratch:
        once, twice = Path(scratch) / "once", Path(scratch) / "twice"
        tree = corpora.django(settings.cache, quick=settings.quick)
        shutil.copytree(tree, once / "django")
        shutil.copytree(tree, twice / "django")
        for path in sorted(tree.rglob("*.py")):
            # Another name on every level: the path is part of what is embedded.
            copy = twice / "copy" / Path(*(f"z{part}" for part in path.relative_to(tree).parts))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        peaks: dict[str, list[float]] = {"once": [], "twice": []}
        for _ in range(repeats):
            for name, folder in (("once", once), ("twice", twice)):
                with tempfile.TemporaryDirectory(dir=scratch) as place:
                    command = codeindex("--quiet", "index", folder, "--index", f"{place}/index")
                    peaks[name].append(peak_memory_mb(command))
    growth = median(peaks["twice"]) / median(peaks["once"])
    return [
        Measure(
            "peak memory of indexing Django, all processes",
            median(peaks["once"]),
            "MB",
            500,
            samples={"once": peaks["once"]},
        ),
        Measure(
            "the same when the tree is twice as large",
            growth,
            "×",
            1.1,
            f"{median(peaks['twice']):.0f} MB",
            {"twice": peaks["twice"]},
        ),
    ]


BENCHMARK = Benchmark("memory", "peak memory of indexing Django, once and twice", measure)
