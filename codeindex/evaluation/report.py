"""Report: everything that an evaluation found, as JSON, for people and for the next run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from codeindex import __version__
from codeindex.evaluation.comparison import Comparison, compared
from codeindex.evaluation.measuring import Measured, per_query
from codeindex.evaluation.questions import Asking, Questions

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Report:
    """Systems on the same questions; the first is the one that the others are compared with.

    Attributes:
        seed: of the sample of questions.
    """

    questions: Questions
    asking: Asking
    seed: int
    systems: Sequence[Measured]

    def comparisons(self) -> list[Comparison]:
        """Each further system beside the first."""
        first, *others = self.systems
        return [compared(first.name, first.values, it.name, it.values) for it in others]

    def as_json(self) -> dict[str, Any]:
        """Without the values of single questions."""
        return {
            "format": FORMAT,
            "versions": {"codeindex": __version__, "ir-measures": version("ir-measures")},
            "questions": self.questions.as_json(),
            "asking": self.asking.as_json(),
            "seed": self.seed,
            "systems": [system.as_json() for system in self.systems],
            "comparisons": [comparison.as_json() for comparison in self.comparisons()],
        }

    def to_save(self) -> dict[str, Any]:
        """With the values of each question, in every system."""
        saved = self.as_json()
        for row, system in zip(saved["systems"], self.systems, strict=True):
            row["per_query"] = per_query(self.questions, system.values)
        return saved
