"""Comparison: two systems on the same questions, and whether the difference is more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codeindex.evaluation.intervals import bootstrap_interval, randomisation_p_value
from codeindex.evaluation.metrics import METRICS, Values

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one metric, the other system's value less the first's.

    Attributes:
        low, high: its 95 % interval, by bootstrap over the questions, which both answered.
        p_value: how often chance alone gives one as large, see `randomisation_p_value`.
    """

    value: float
    low: float
    high: float
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether the interval leaves 0 out, and chance alone seldom gives as much."""
        return (self.low > 0 or self.high < 0) and self.p_value < _LEVEL

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "difference": self.value,
            "interval_95": [self.low, self.high],
            "p_value": self.p_value,
            "significant": self.significant,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A system beside the first one.

    Attributes:
        differences: by metric.
    """

    first: str
    other: str
    differences: dict[str, Difference]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        its = {metric: difference.as_json() for metric, difference in self.differences.items()}
        return {"first": self.first, "other": self.other, "differences": its}


def compared(first: str, before: Values, other: str, after: Values) -> Comparison:
    """Compares by all metrics; the values stand in one order of questions."""
    return Comparison(
        first,
        other,
        {metric: difference(before, after, metric) for metric in METRICS},
    )


def difference(before: Values, after: Values, metric: str) -> Difference:
    """How much higher a metric is afterwards."""
    each = after[metric] - before[metric]
    low, high = bootstrap_interval(each)
    return Difference(float(each.mean()), low, high, randomisation_p_value(each))
