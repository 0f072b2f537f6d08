"""Judging: lists of answers → a value for each query, and what one system is better by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.evaluation.intervals import bootstrap_interval, randomisation_p_value
from codeindex.evaluation.metrics import metric_values

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a system answered, in the order of the queries.

    Attributes:
        metrics: metric → value of each query.
    """

    metrics: Mapping[str, Values]

    def of(self, metric: str) -> Values:
        """The values of one metric."""
        return self.metrics[metric]

    def as_json(self) -> dict[str, Any]:
        """Means, each with its 95 % interval."""
        facts: dict[str, Any] = {}
        for name, values in self.metrics.items():
            low, high = bootstrap_interval(values)
            facts[name] = {"mean": float(values.mean()), "interval_95": [low, high]}
        return facts


def judged(relevant: Sequence[Sequence[str]], ranked: Sequence[Sequence[str]]) -> Answers:
    """Judges lists of answers.

    Args:
        relevant: of each query, what answers it.
        ranked: of each query, what was found, best first.
    """
    qrels = {str(row): dict.fromkeys(its, 1) for row, its in enumerate(relevant)}
    run = {str(row): list(dict.fromkeys(its)) for row, its in enumerate(ranked)}
    return Answers(metric_values(qrels, run))


def difference(ours: Values, theirs: Values) -> dict[str, Any]:
    """Mean of the differences query by query, its 95 % interval and its p-value."""
    low, high = bootstrap_interval(ours - theirs)
    return {
        "mean": float((ours - theirs).mean()),
        "interval_95": [low, high],
        "p": randomisation_p_value(ours - theirs),
    }


def first_files(paths: Sequence[str]) -> list[str]:
    """A list of hits as one of files: each stands where its first hit does."""
    return list(dict.fromkeys(paths))
