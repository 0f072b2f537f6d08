"""Measured: the metrics of one system over questions, query by query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codeindex.evaluation.intervals import bootstrap_interval
from codeindex.evaluation.metrics import METRICS, Values, metric_values
from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Asking, Question, Questions
from codeindex.evaluation.ranking import ranked
from codeindex.ranking.options import SearchOptions

if TYPE_CHECKING:
    from codeindex.index import Index
    from codeindex.indexing import Progress

_ABSENT = "not in the index: "


@dataclass(frozen=True, slots=True)
class Measured:
    """One system: an index, with its encoder, asked in one mode.

    Attributes:
        name: what it is called in tables.
        values: metric → its value for each question, in the order of the questions.
        pool: how many answers there were to choose from.
        targets: how many judged targets there are.
        unknown: those of them that are not in the index; nothing can find them, and they
            count as missed.
        facts: about the index, as JSON values.
    """

    name: str
    values: Values
    pool: int
    targets: int
    unknown: tuple[str, ...]
    facts: Mapping[str, Any]

    def mean(self, metric: str) -> float:
        """The metric."""
        return float(self.values[metric].mean())

    def interval(self, metric: str) -> tuple[float, float]:
        """Where the metric is, with another sample of such questions, 95 times of 100."""
        return bootstrap_interval(self.values[metric])

    def as_json(self) -> dict[str, Any]:
        """Means and intervals, and facts."""
        return {
            "name": self.name,
            "metrics": {
                metric: {"value": self.mean(metric), "interval_95": list(self.interval(metric))}
                for metric in METRICS
            },
            "pool": self.pool,
            "targets": self.targets,
            "targets_not_in_the_index": list(self.unknown),
            "index": dict(self.facts),
        }


def measure(
    index: Index,
    name: str,
    questions: Questions,
    asking: Asking,
    search: SearchOptions,
    progress: Progress | None = None,
) -> Measured:
    """Asks an index the questions.

    Args:
        name: what the system is called.
        asking: what counts as an answer, and how many are looked at.
        progress: is told of (questions asked, all).
    """
    places = Places(index.snippets(), asking.level)
    relevant: dict[str, Mapping[str, int]] = {}
    unknown: dict[str, None] = {}
    targets = 0
    for question in questions.asked:
        relevant[question.id] = _answers(question, places, unknown)
        targets += len(question.relevant)
    found = ranked(index, questions.asked, places, asking.depth, search, progress)
    return Measured(
        name,
        metric_values(relevant, found),
        len(places),
        targets,
        tuple(unknown),
        index_facts(index),
    )


def _answers(question: Question, places: Places, unknown: dict[str, None]) -> dict[str, int]:
    """Answer → grade; the targets without one are added to `unknown`."""
    answers: dict[str, int] = {}
    for target, grade in question.relevant.items():
        found = places.resolved(target)
        if not found:
            unknown[target] = None
        for answer in found or [f"{_ABSENT}{target}"]:
            answers[answer] = max(grade, answers.get(answer, 0))
    return answers


def index_facts(index: Index) -> dict[str, Any]:
    """What an index is made with, as JSON values."""
    facts = index.status()
    encoder = facts["encoder"] or {}
    return {
        "snippets": facts["snippets"],
        "sources": facts["sources"],
        "backend": (facts["backend"] or {}).get("name"),
        "encoder": encoder.get("name"),
        "encoder_title": encoder.get("title"),
        "encoder_fingerprint": encoder.get("fingerprint"),
    }


def per_query(questions: Questions, values: Values) -> dict[str, dict[str, float]]:
    """Question id → metric → value, as JSON values."""
    return {
        question.id: {metric: float(values[metric][row]) for metric in METRICS}
        for row, question in enumerate(questions.asked)
    }


def in_order(questions: Questions, rows: Mapping[str, Mapping[str, float]]) -> Values:
    """The reverse of `per_query`.

    Raises:
        KeyError: a question or a metric is not there.
    """
    return {
        metric: np.array([rows[question.id][metric] for question in questions.asked])
        for metric in METRICS
    }
