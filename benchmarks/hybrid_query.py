"""Warm hybrid queries: on Django against semble, and on 100,000 functions and more."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, ratio
from benchmarks.frame.peer import Peer
from benchmarks.frame.process import alternating, codeindex, environment, run
from benchmarks.query import OURS, QUERIES, THEIRS, TIMING
from benchmarks.worked.packages import fetch, read_list
from codeindex import Index

LEAST_SNIPPETS = 100_000
_LARGE = ("sympy", "transformers", "pandas", "astropy", "matplotlib", "scipy", "statsmodels")


def measure(settings: Settings) -> list[Measure]:
    """Each tool in its own process; every query once to warm up, then three times."""
    with tempfile.TemporaryDirectory() as scratch:
        return [_django(settings, Path(scratch)), _large(settings, Path(scratch))]


def _django(settings: Settings, scratch: Path) -> Measure:
    peer = Peer(settings.cache)
    tree = corpora.django(settings.cache, quick=settings.quick)
    index, home = scratch / "django", scratch / "home"
    run(codeindex("index", tree, "--index", index))
    run(peer.search("parse a date string", tree), peer.environment(home))
    theirs = [str(peer.python), "-c", TIMING + THEIRS, str(tree), str(peer.model)]
    samples = alternating(
        {
            "ours": lambda: _median(_ours(index), environment()),
            "theirs": lambda: _median(theirs, peer.environment(home)),
        },
        settings.repeats,
    )
    return ratio(
        "a warm hybrid query on Django, p50, against semble",
        samples["ours"],
        samples["theirs"],
        1.0,
    )


def _large(settings: Settings, scratch: Path) -> Measure:
    known = {package.name: package for package in read_list("trained_on.txt")}
    names = _LARGE[-1:] if settings.quick else _LARGE
    fetch([known[name] for name in names], settings.cache / "worked")
    index = scratch / "large"
    globs = [word for name in names for word in ("--include", f"{name}/**")]
    run(codeindex("index", settings.cache / "worked" / "packages", "--index", index, *globs))
    with Index.open(index=index) as opened:
        snippets = int(opened.status()["snippets"])
    took = [_median(_ours(index), environment()) for _ in range(settings.repeats)]
    return Measure(
        f"a warm hybrid query over {snippets:,} snippets, p50",
        1000 * median(took),
        "ms",
        15,
        "of " + ", ".join(names),
        {"seconds": took},
    )


def _ours(index: Path) -> list[str]:
    return [sys.executable, "-c", TIMING + OURS, str(index), "hybrid"]


def _median(argv: list[str], env: dict[str, str]) -> float:
    took: list[float] = json.loads(run(argv, env, stdin=json.dumps(QUERIES)))
    return median(took)


BENCHMARK = Benchmark("hybrid_query", "warm hybrid queries, small and large", measure)
