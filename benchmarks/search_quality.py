"""How well searches find: web queries, docstrings and questions about repositories.

- CoSQA dev, where ``CODEINDEX_COSQA`` names a folder with it: MRR over 6,267 functions.
- Docstrings of packages that nothing was trained or fitted on, cut out of their functions: each
  asks for its function, of the whole package.
- Questions about repositories of the split ``report``, with the files that answer them: beside
  semble, which is given the vectors of `fast`, and without them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.encoding import COSQA
from benchmarks.frame import results
from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.functions import cosqa
from benchmarks.frame.peer import Peer
from benchmarks.quality import cosqa_index, docstrings, repositories
from benchmarks.quality.judging import Answers, difference

ENCODERS = ("fast", "small")
PEER = "semble, BM25 + ranking"
_GOALS = {"fast": (0.35, 0.46), "small": (0.57, 0.62)}


def measure(settings: Settings) -> list[Measure]:
    """All of it; what the figures are made of goes to ``results/details``."""
    details: dict[str, Any] = {}
    measures = []
    if COSQA in os.environ:
        measures += _web_queries(Path(os.environ[COSQA]), details)
    measures += _docstrings(settings, details)
    measures += _repositories(settings, details)
    if not settings.quick:
        path = results.FOLDER / "details" / "search_quality.json"
        path.write_text(json.dumps(details, indent=1) + "\n", "utf-8")
    return measures


def _web_queries(folder: Path, details: dict[str, Any]) -> list[Measure]:
    asked, measures = cosqa(folder), []
    for encoder in ENCODERS:
        answers = cosqa_index.measured(asked, encoder)
        details |= {f"CoSQA, {encoder}, {mode}": its.as_json() for mode, its in answers.items()}
        for mode, goal in zip(("dense", "hybrid"), _GOALS[encoder], strict=True):
            name = f"CoSQA dev, MRR, `{encoder}` {mode}"
            measures.append(_figure(name, answers[mode], "MRR", goal))
    return measures


def _docstrings(settings: Settings, details: dict[str, Any]) -> list[Measure]:
    measures = []
    for encoder in ENCODERS:
        with tempfile.TemporaryDirectory() as scratch:
            answers = docstrings.measured(settings, encoder, Path(scratch))
        details |= {
            f"docstrings, {encoder}, {mode}": its.as_json() for mode, its in answers.items()
        }
        for other in ("lexical", "dense"):
            name = f"docstring → function, NDCG@10, `{encoder}` hybrid less {other} alone"
            measures.append(_gain(name, answers["hybrid"], answers[other], 0.0, details))
    return measures


def _repositories(settings: Settings, details: dict[str, Any]) -> list[Measure]:
    asked = repositories.asked("report", 5 if settings.quick else 0)
    answers = repositories.measured(settings.cache, asked, Peer(settings.cache), ENCODERS)
    details |= {f"repositories, {name}": its.as_json() for name, its in answers.items()}
    details["repositories, questions"] = {name: len(its) for name, its in asked.items()}
    return [
        _gain(
            f"questions about {len(asked)} repositories, NDCG@10 by file, `{encoder}` hybrid less"
            " semble's BM25 with ranking",
            answers[f"{encoder}, hybrid"],
            answers[PEER],
            0.04 if encoder == "fast" else None,
            details,
        )
        for encoder in ENCODERS
    ]


def _figure(name: str, answers: Answers, metric: str, goal: float) -> Measure:
    facts = answers.as_json()[metric]
    low, high = facts["interval_95"]
    detail = f"95 % interval {low:.3f} to {high:.3f}"
    return Measure(name, round(facts["mean"], 3), "", goal, detail, at_least=True)


def _gain(
    name: str, ours: Answers, theirs: Answers, goal: float | None, details: dict[str, Any]
) -> Measure:
    """A difference; a goal of 0 asks for one that chance does not explain."""
    metric = "NDCG@10"
    gain: Mapping[str, Any] = difference(ours.of(metric), theirs.of(metric))
    details[name] = gain
    low, high = gain["interval_95"]
    detail = (
        f"{ours.of(metric).mean():.3f} against {theirs.of(metric).mean():.3f};"
        f" 95 % interval {low:+.3f} to {high:+.3f}, p {gain['p']:.2g}"
    )
    return Measure(name, round(gain["mean"], 3), "", goal, detail, at_least=True)


BENCHMARK = Benchmark("search_quality", "how well searches find what is asked for", measure)
