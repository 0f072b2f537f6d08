"""One search as a fresh process on a warm index: codeindex against semble."""

from __future__ import annotations

from benchmarks.frame.benchmark import Benchmark, Measure, Settings, ratio
from benchmarks.frame.prepared import indexed_stdlib
from benchmarks.frame.process import alternating, codeindex, timed

QUERY = "retry with exponential backoff"


def measure(settings: Settings) -> list[Measure]:
    """From the start of the process to its end, five results, no code shown by either."""
    with indexed_stdlib(settings) as ready:
        theirs = ready.peer.search(QUERY, ready.tree)
        command = codeindex("search", QUERY, "--index", ready.index, "--top-k", "5", "--lines", "0")
        samples = alternating(
            {
                "ours": lambda: timed(command),
                "theirs": lambda: timed(theirs, ready.peer.environment(ready.home)),
            },
            2 * settings.repeats,
        )
    return [
        ratio(
            "`codeindex search` on the standard library, a fresh process, against `semble search`",
            samples["ours"],
            samples["theirs"],
            0.25,
        )
    ]


BENCHMARK = Benchmark("cli_search", "one search as a fresh process, against semble", measure)
