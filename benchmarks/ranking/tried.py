"""Weights tried on collected cases: the ranking of `codeindex.ranking.scoring`, as arrays.

A fit tries hundreds of weights on thousands of questions; what does not depend on the weights
is worked out once. A test holds it against the ranking itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.ranking.asking import Case
from codeindex.ranking.fusion import nearness
from codeindex.ranking.mode import Mode
from codeindex.ranking.paths import PathKind
from codeindex.ranking.signals import SIGNALS
from codeindex.ranking.weights import Weights

NAMES = (*SIGNALS, *PathKind)
_DISCOUNTS = 1 / np.log2(np.arange(2, 12))
_Values = npt.NDArray[np.float64]


class Tried:
    """One case, ready for any weights."""

    def __init__(self, case: Case) -> None:
        """Works out every signal."""
        self.case = case
        query, candidates = case.found.query, case.found.candidates
        background = case.found.background
        assert background is not None
        known = [one.cosine for one in candidates if one.cosine is not None]
        last = min(known, default=background.mean)
        cosines = np.array([last if c.cosine is None else c.cosine for c in candidates])
        self.listed = np.array([c.cosine is not None for c in candidates])
        self.dense = np.array(nearness(cosines.tolist(), background))
        self.by_best = _normalised(cosines, min(background.mean, last))
        self.lexical = np.array([c.bm25 for c in candidates]) / (case.found.most or 1.0)
        self.signals = np.array(
            [
                [signal(query, c.place) for signal in SIGNALS.values()]
                + [float(kind in c.place.kinds - query.wanted) for kind in PathKind]
                for c in candidates
            ]
        )
        paths = [c.place.path for c in candidates]
        self.files = np.unique(paths, return_inverse=True)[1]
        keys = [(c.place.path, c.place.name, c.id) for c in candidates]
        self.ties = np.argsort(sorted(range(len(keys)), key=keys.__getitem__))
        self.answers = np.array(
            [(c.place.path, c.place.name) in case.asked.names for c in candidates]
        )
        self.answering = np.array([path in case.asked.files for path in paths])

    def scores(self, weights: Weights, mode: Mode = Mode.HYBRID) -> _Values:
        """(n,) of the candidates."""
        share = weights.dense_symbolic if self.case.found.query.symbolic else weights.dense
        share = {Mode.HYBRID: share, Mode.DENSE: 1.0, Mode.LEXICAL: 0.0}[mode]
        fused = share * self.dense + (1 - share) * self.lexical
        by_file = np.bincount(self.files, fused**2)
        most = by_file.max() or 1.0
        worth = np.array([weights.signals.get(name, 0.0) for name in NAMES])
        scores: _Values = fused + self.signals @ worth
        return scores + weights.signals.get("coherence", 0.0) * by_file[self.files] / most

    def by_the_best(self, share: float) -> _Values:
        """(n,) scores with cosines by the best of the candidates, with no signals."""
        return share * self.by_best + (1 - share) * self.lexical

    def by_ranks(self) -> _Values:
        """(n,) scores by reciprocal rank fusion of the two lists, with no signals."""
        return _reciprocal(self.dense, self.listed) + _reciprocal(self.lexical, self.lexical > 0)

    def quality(self, scores: _Values, per_file: int = 0) -> tuple[float, float]:
        """NDCG@10 of snippets, and of files, each by its best snippet; NaN where none is known."""
        order = np.lexsort((self.ties, -np.round(scores, 6)))
        if per_file:
            order = order[[_seen(self.files[order], at) < per_file for at in range(len(order))]]
        names, files = self.case.asked.names, self.case.asked.files
        first = np.sort(np.unique(self.files[order], return_index=True)[1])
        return (
            _ndcg(self.answers[order], len(names)),
            _ndcg(self.answering[order[first]], len(files)),
        )


def _seen(files: npt.NDArray[np.intp], at: int) -> int:
    return int((files[:at] == files[at]).sum())


def _normalised(values: _Values, floor: float) -> _Values:
    width = values.max(initial=floor) - floor
    return np.maximum(values - floor, 0) / width if width > 0 else np.zeros(len(values))


def _reciprocal(values: _Values, counted: npt.NDArray[np.bool_]) -> _Values:
    ranks = np.argsort(np.argsort(-np.where(counted, values, -1), kind="stable")) + 1
    return np.where(counted, 1 / (60 + ranks), 0.0)


def _ndcg(relevant: npt.NDArray[np.bool_], count: int) -> float:
    if not count:
        return float("nan")
    found = relevant[:10]
    return float(found @ _DISCOUNTS[: len(found)] / _DISCOUNTS[:count].sum())


def means(
    cases: Sequence[Tried], weights: Weights, mode: Mode = Mode.HYBRID, per_file: int = 0
) -> tuple[float, float]:
    """Mean NDCG@10 of snippets and of files."""
    found = np.array([case.quality(case.scores(weights, mode), per_file) for case in cases])
    return float(_mean(found[:, 0])), float(_mean(found[:, 1]))


def _mean(values: _Values) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
