"""One search as a fresh process on a warm index: codeindex against semble."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, ratio
from benchmarks.frame.peer import Peer
from benchmarks.frame.process import alternating, codeindex, run, timed

QUERY = "retry with exponential backoff"


def measure(settings: Settings) -> list[Measure]:
    """From the start of the process to its end, five results, no code shown by either."""
    peer = Peer(settings.cache)
    tree = corpora.stdlib(settings.cache, quick=settings.quick)
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        home = Path(scratch) / "home"
        run(codeindex("index", tree, "--index", index))
        run(peer.search(QUERY, tree), peer.environment(home))
        command = codeindex("search", QUERY, "--index", index, "--top-k", "5", "--lines", "0")
        samples = alternating(
            {
                "ours": lambda: timed(command),
                "theirs": lambda: timed(peer.search(QUERY, tree), peer.environment(home)),
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
