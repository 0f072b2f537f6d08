"""Confidence: how sure it is that a result is what was asked for, the same for every encoder.

A logistic model (Platt 1999) of evidence that does not depend on an encoder's scale or on the
weights of the ranking. Fitted by ``python -m benchmarks.ranking``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from codeindex.ranking.background import Background
from codeindex.ranking.mode import Mode
from codeindex.ranking.scoring import Scored

_MOST_NEAR = 12.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a result.

    Attributes:
        near: deviations that its cosine lies above the background's mean, see `Background`.
        matched: how much of the question its words are, by their rarity, 0…1.
        lead: its score less the best of the other candidates'.
    """

    near: float
    matched: float
    lead: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of the logistic model of one mode."""

    bias: float
    near: float
    matched: float
    lead: float


FITTED: Mapping[Mode, Coefficients] = MappingProxyType(
    {
        Mode.HYBRID: Coefficients(-4.0, 0.3, 2.0, 4.0),
        Mode.DENSE: Coefficients(-4.0, 0.4, 0.0, 4.0),
        Mode.LEXICAL: Coefficients(-4.0, 0.0, 4.0, 4.0),
    }
)


def confidence(evidence: Evidence, mode: Mode) -> float:
    """The probability that the result is what was asked for, 0…1."""
    of = FITTED[mode]
    logit = (
        of.bias + of.near * evidence.near + of.matched * evidence.matched + of.lead * evidence.lead
    )
    return 1 / (1 + math.exp(-logit))


def lead(found: Scored, ranked: Sequence[Scored]) -> float:
    """The score of one of `ranked` less the best of the others'; its own if it is alone."""
    best = next((other for other in ranked if other is not found), None)
    return found.score - (best.score if best is not None else 0.0)


def near(cosine: float | None, last: float, background: Background) -> float:
    """`Evidence.near`; what is not among the nearest counts as the `last` of them."""
    value = background.standard(last if cosine is None else cosine)
    return max(-_MOST_NEAR, min(_MOST_NEAR, value))
