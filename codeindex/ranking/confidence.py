"""Confidence: how sure it is that a result is what was asked for, the same for every encoder.

A logistic model (Platt 1999) of evidence that does not depend on the scale of an encoder's
cosines. Fitted by ``python -m benchmarks.ranking`` on questions of which about half have an
answer in the package they were put to; what is predicted is that the result's file is one that
answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeindex.ranking.background import Background
from codeindex.ranking.mode import Mode

_MOST_NEAR = 12.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a result.

    Attributes:
        near: deviations that its cosine lies above the background's mean, see `Background`.
        matched: how much of the question its words are, by their rarity, 0…1.
        score: of the ranking, as `codeindex.ranking.scoring` adds it up, signals on top.
    """

    near: float
    matched: float
    score: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of the logistic model of one mode."""

    bias: float
    near: float
    matched: float
    score: float


FITTED: Mapping[Mode, Coefficients] = MappingProxyType(
    {
        Mode.HYBRID: Coefficients(-3.36, 0.29, 2.44, 2.92),
        Mode.DENSE: Coefficients(-2.72, 0.8, 0.0, 0.45),
        Mode.LEXICAL: Coefficients(-2.66, 0.0, 0.43, 7.12),
    }
)


def confidence(evidence: Evidence, mode: Mode) -> float:
    """The probability that the result is what was asked for, 0…1."""
    of = FITTED[mode]
    speaks = of.near * evidence.near + of.matched * evidence.matched + of.score * evidence.score
    return 1 / (1 + math.exp(-of.bias - speaks))


def near(cosine: float | None, last: float, background: Background) -> float:
    """`Evidence.near`; what is not among the nearest counts as the `last` of them."""
    value = background.standard(last if cosine is None else cosine)
    return max(-_MOST_NEAR, min(_MOST_NEAR, value))
