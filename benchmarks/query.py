"""Warm queries by vectors alone within one process, against semble; `hybrid_query` asks both."""

from __future__ import annotations

import json
import sys
from statistics import median

from benchmarks.frame.benchmark import Benchmark, Measure, Settings, ratio
from benchmarks.frame.prepared import indexed_stdlib
from benchmarks.frame.process import alternating, environment, run

QUERIES = (
    "parse a date string",
    "retry with exponential backoff",
    "compress a file",
    "open a tcp socket and listen",
    "walk a directory tree",
    "escape html characters",
    "read a csv file row by row",
    "convert a string to snake case",
    "compute the sha256 of a file",
    "http basic authentication header",
    "thread pool executor",
    "run a subprocess and capture its output",
    "parse command line arguments",
    "deep copy of an object",
    "random choice with weights",
    "temporary file that is deleted on close",
    "format an exception with its traceback",
    "json encoder for custom types",
    "match a regular expression",
    "priority queue",
)

TIMING = """
import json, sys, time
queries = json.loads(sys.stdin.read())
def timed(search):
    for query in queries:
        search(query)
    took = []
    for query in queries * 3:
        started = time.perf_counter()
        search(query)
        took.append(time.perf_counter() - started)
    print(json.dumps(took))
"""
OURS = """
from codeindex import Index
with Index.open(index=sys.argv[1]) as index:
    timed(lambda query: index.search(query, top_k=10, mode=sys.argv[2]))
"""
THEIRS = """
from semble import SembleIndex
index = SembleIndex.from_path(sys.argv[1], model_path=sys.argv[2])
timed(lambda query: index.search(query, top_k=10))
"""


def measure(settings: Settings) -> list[Measure]:
    """Each tool in its own process; every query once to warm up, then three times."""
    with indexed_stdlib(settings) as ready:
        peer = ready.peer
        ours = [sys.executable, "-c", TIMING + OURS, str(ready.index), "dense"]
        theirs = [str(peer.python), "-c", TIMING + THEIRS, str(ready.tree), str(peer.model)]
        samples = alternating(
            {
                "ours": lambda: _median(ours, environment()),
                "theirs": lambda: _median(theirs, peer.environment(ready.home)),
            },
            settings.repeats,
        )
    return [
        ratio(
            "a warm query in process by vectors alone, standard library, p50, against semble",
            samples["ours"],
            samples["theirs"],
            0.5,
        )
    ]


def _median(argv: list[str], env: dict[str, str]) -> float:
    took: list[float] = json.loads(run(argv, env, stdin=json.dumps(QUERIES)))
    return median(took)


BENCHMARK = Benchmark("query", "warm queries in process, against semble", measure)
