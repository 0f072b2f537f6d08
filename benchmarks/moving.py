"""An index of 100,000 snippets of real code, copied to another backend and back again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.functions import docstring_pairs
from benchmarks.frame.process import codeindex, run
from benchmarks.worked.packages import fetch, read_list
from codeindex import Index

_PACKAGES, _QUERIES, _K = 28, 200, 10


def measure(settings: Settings) -> list[Measure]:
    """faiss → qdrant-edge → faiss: the answers of the last are those of the first."""
    packages = read_list("trained_on.txt")[: 1 if settings.quick else _PACKAGES]
    trees = fetch(packages, settings.cache / "worked")
    queries = docstring_pairs(settings, _QUERIES).queries
    with tempfile.TemporaryDirectory() as folder:
        first, edge, last = (Path(folder) / name for name in ("first", "edge", "last"))
        run(codeindex("--quiet", "index", *trees, "--all", "--index", first))
        for source, backend, target in ((first, "qdrant-edge", edge), (edge, "faiss", last)):
            run(codeindex("--quiet", "copy", source, "--to", backend, "-o", target))
        answers = [_answers(index, queries) for index in (first, edge, last)]
        with Index.open(index=last) as opened:
            snippets = opened.status()["snippets"]
    different = sum(a != b for a, b in zip(answers[0], answers[2], strict=True))
    alike = _overlap(answers[0], answers[1])
    return [
        Measure(
            f"copied faiss → qdrant-edge → faiss, {snippets:,} snippets: answers that differ",
            different,
            "answers",
            0,
            f"{len(queries)} queries, {_K} hits each; in qdrant-edge {100 * alike:.1f} % of the"
            f" hits are the same",
        )
    ]


def _answers(index: Path, queries: list[str]) -> list[list[tuple[str, str, int]]]:
    with Index.open(index=index) as opened:
        return [
            [(r.snippet.path, r.snippet.name, r.snippet.start_line) for r in results]
            for results in opened.search_many(queries, _K)
        ]


def _overlap(
    first: list[list[tuple[str, str, int]]], second: list[list[tuple[str, str, int]]]
) -> float:
    shared = sum(len(set(a) & set(b)) for a, b in zip(first, second, strict=True))
    return shared / sum(map(len, first))


BENCHMARK = Benchmark("moving", "an index copied to another backend and back", measure)
