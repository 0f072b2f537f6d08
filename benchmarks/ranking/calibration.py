"""Calibration: the logistic model of the confidence is fitted, and held against other packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from benchmarks.ranking.asking import Case
from codeindex.ranking.confidence import Coefficients
from codeindex.ranking.mode import Mode
from codeindex.ranking.scoring import Candidate, scored
from codeindex.ranking.weights import Weights

_TOP = 10
_LISTED = 100
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """The best results of many questions.

    Attributes:
        evidence: (n, 2) matched and score of each, see `Evidence`.
        right: (n,) whether its file answers the question.
        first: (n,) whether it is the best one of its question.
    """

    evidence: _Values
    right: npt.NDArray[np.bool_]
    first: npt.NDArray[np.bool_]


def judged(cases: Sequence[Case], mode: Mode, weights: Weights) -> Judged:
    """What is known of the best results in this mode."""
    rows = [row for case in cases for row in _rows(case, mode, weights)]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Judged(table[:, :2], table[:, 2] > 0, table[:, 3] > 0)


def _rows(case: Case, mode: Mode, weights: Weights) -> list[tuple[float, ...]]:
    found = case.found
    candidates = _of_mode(found.candidates, mode)
    ranked = scored(found.query, candidates, mode, found.background, found.most, weights)
    return [
        (
            0.0 if mode is Mode.DENSE else case.matched[one.candidate.id],
            one.score,
            float(one.candidate.place.path in case.asked.files),
            float(place == 0),
        )
        for place, one in enumerate(islice(ranked, _TOP))
    ]


def _of_mode(candidates: Sequence[Candidate], mode: Mode) -> list[Candidate]:
    if mode is Mode.DENSE:
        return [Candidate(c.id, c.place, c.cosine, 0.0) for c in candidates if c.cosine is not None]
    if mode is Mode.LEXICAL:
        best = sorted((c for c in candidates if c.bm25), key=lambda c: -c.bm25)[:_LISTED]
        return [Candidate(c.id, c.place, None, c.bm25) for c in best]
    return list(candidates)


def logistic(known: Judged) -> Coefficients:
    """The model that makes what is known most likely (Newton's method)."""
    rows = np.hstack([np.ones((len(known.evidence), 1)), known.evidence])
    used = np.flatnonzero(rows.any(axis=0))  # a half that was not asked tells nothing
    rows, values = rows[:, used], np.zeros(len(used))
    for _ in range(50):
        likely = 1 / (1 + np.exp(-rows @ values))
        slope = rows.T @ (likely - known.right)
        curve = (rows * (likely * (1 - likely))[:, None]).T @ rows + 1e-6 * np.eye(len(used))
        values = values - np.linalg.solve(curve, slope)
    fitted = np.zeros(3)
    fitted[used] = values
    return Coefficients(*fitted.tolist())


def probabilities(known: Judged, of: Coefficients) -> _Values:
    """(n,) what the model says."""
    values: _Values = known.evidence @ np.array([of.matched, of.score]) + of.bias
    return 1 / (1 + np.exp(-values))


def calibration_error(likely: _Values, right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015), in bins of as many results each."""
    order = np.argsort(likely, kind="stable")
    return float(
        sum(
            len(part) / len(likely) * abs(likely[part].mean() - right[part].mean())
            for part in np.array_split(order, bins)
            if len(part)
        )
    )
