"""Indexing a tree from nothing with the word index, and without one: whole processes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, ratio
from benchmarks.frame.process import alternating, timed

_WITH = "from codeindex.cli import main; main()"
_WITHOUT = f"""
from codeindex.catalog.word_index import WordIndex
WordIndex.add = WordIndex.merge = lambda self, *arguments: None
{_WITH}
"""


def measure(settings: Settings) -> list[Measure]:
    """Both trees; the one without is of no use: a search of words finds nothing in it."""
    trees = {
        "the standard library": corpora.stdlib(settings.cache, quick=settings.quick),
        "Django": corpora.django(settings.cache, quick=settings.quick),
    }
    return [_one(name, tree, settings) for name, tree in trees.items()]


def _one(name: str, tree: Path, settings: Settings) -> Measure:
    with tempfile.TemporaryDirectory() as scratch:

        def index(program: str) -> float:
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                place = str(Path(folder) / "index")
                command = ["--quiet", "index", str(tree), "--index", place]
                return timed([sys.executable, "-c", program, *command])

        samples = alternating(
            {"with": lambda: index(_WITH), "without": lambda: index(_WITHOUT)}, settings.repeats
        )
    return ratio(
        f"index {name} from nothing, with the words against without",
        samples["with"],
        samples["without"],
        1.1,
    )


BENCHMARK = Benchmark("word_index", "what the lexical half costs while a tree is indexed", measure)
