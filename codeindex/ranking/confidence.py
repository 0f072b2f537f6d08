"""Confidence: how sure it is that a result is what was asked for, the same for every encoder.

A logistic model (Platt 1999) of evidence that does not depend on the scale of an encoder's
cosines, see `codeindex.ranking.fusion`. Fitted by ``python -m benchmarks.ranking`` on questions of
which about half have an answer in the package they were put to; what is predicted is that the
result's file is one that answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeindex.ranking.mode import Mode


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a result.

    Attributes:
        matched: how much of the question its words are, by their rarity, 0…1.
        score: of the ranking, as `codeindex.ranking.scoring` adds it up, signals on top.
    """

    matched: float
    score: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of the logistic model of one mode."""

    bias: float
    matched: float
    score: float


FITTED: Mapping[Mode, Coefficients] = MappingProxyType(
    {
        Mode.HYBRID: Coefficients(-2.68, 0.81, 8.77),
        Mode.DENSE: Coefficients(-2.41, 0.0, 9.19),
        Mode.LEXICAL: Coefficients(-2.69, 0.41, 7.15),
    }
)


def confidence(evidence: Evidence, mode: Mode) -> float:
    """The probability that the result is what was asked for, 0…1."""
    of = FITTED[mode]
    speaks = of.bias + of.matched * evidence.matched + of.score * evidence.score
    return 1 / (1 + math.exp(-speaks))
