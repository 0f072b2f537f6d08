"""Indexing a tree from nothing: codeindex against semble, whole processes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, ratio
from benchmarks.frame.peer import Peer
from benchmarks.frame.process import alternating, codeindex, run, timed

QUERY = "parse a date string"


def measure(settings: Settings) -> list[Measure]:
    """Both trees; semble's figure includes one query, which takes it a few milliseconds."""
    peer = Peer(settings.cache)
    trees = {
        "the standard library": corpora.stdlib(settings.cache, quick=settings.quick),
        "Django": corpora.django(settings.cache, quick=settings.quick),
    }
    return [_one(name, tree, peer, settings) for name, tree in trees.items()]


def _one(name: str, tree: Path, peer: Peer, settings: Settings) -> Measure:
    with tempfile.TemporaryDirectory() as scratch:
        receipt = json.loads(
            run(codeindex("index", tree, "--index", Path(scratch) / "first", "--json"))
        )

        def ours() -> float:
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                return timed(codeindex("--quiet", "index", tree, "--index", Path(folder) / "index"))

        def theirs() -> float:
            # semble has no command that only indexes: its first search does.
            with tempfile.TemporaryDirectory(dir=scratch) as home:
                return timed(peer.search(QUERY, tree), peer.environment(Path(home)))

        samples = alternating({"ours": ours, "theirs": theirs}, settings.repeats)
    what = f"{receipt['files_indexed']:,} files, {receipt['snippets']:,} snippets"
    return ratio(
        f"index {name} from nothing ({what}), against semble",
        samples["ours"],
        samples["theirs"],
        0.4,
    )


BENCHMARK = Benchmark("cold_index", "index a tree from nothing, against semble", measure)
