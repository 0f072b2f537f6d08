"""The quality gate of a cross-encoder: the order that a graph gives, against PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
"""(queries, candidates)."""

ROUNDED = 1e-3
"""Standard deviations of PyTorch's scores: what fp32 may differ by."""


@dataclass(frozen=True)
class Agreement:
    """How near a graph's rankings are to PyTorch's.

    Attributes:
        queries, candidates: that were ranked, and among how many each.
        gain: NDCG of its rankings, where PyTorch's scores, brought to 0…1 for each query, are
            the gains (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR
            techniques", TOIS 2002): exchanging what PyTorch finds about equal costs little.
        first: share of queries whose best is PyTorch's best.
        order: share of pairs of candidates that come in PyTorch's order.
        correlation: of all scores (Pearson).
        difference: the largest, in standard deviations of PyTorch's scores.
        found: MRR of the text that belongs to the query: by PyTorch, and by the graph.
    """

    queries: int
    candidates: int
    gain: float
    first: float
    order: float
    correlation: float
    difference: float
    found: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """What is held against the limit: `gain`."""
        return self.gain

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**asdict(self), "found": dict(self.found)}


def agreement(torch: Scores, onnx: Scores) -> Agreement:
    """Compares; the candidate in the first column is the one that belongs to the query."""
    queries, candidates = torch.shape
    spread = float(torch.std()) or 1.0
    constant = not torch.std() or not onnx.std()
    upper = np.triu_indices(candidates, 1)
    theirs, its = (np.sign(s[:, upper[0]] - s[:, upper[1]]) for s in (torch, onnx))
    return Agreement(
        queries,
        candidates,
        float(np.mean([_gain(*rows) for rows in zip(torch, onnx, strict=True)])),
        float((torch.argmax(axis=1) == onnx.argmax(axis=1)).mean()),
        float((theirs == its).mean()),
        1.0 if constant else float(np.corrcoef(torch.ravel(), onnx.ravel())[0, 1]),
        float(np.abs(torch - onnx).max()) / spread,
        {"torch": _reciprocal_rank(torch), "onnx": _reciprocal_rank(onnx)},
    )


def _gain(torch: Scores, onnx: Scores) -> float:
    """NDCG of one ranking; of equal gains any order is right."""
    width = float(torch.max() - torch.min())
    if not width:
        return 1.0
    gains = (torch - torch.min()) / width
    discounts = 1 / np.log2(np.arange(2, len(gains) + 2))
    best = np.sort(gains)[::-1] @ discounts
    return float(gains[np.argsort(-onnx, kind="stable")] @ discounts / best)


def _reciprocal_rank(scores: Scores) -> float:
    """Mean over the queries; what is as good as the first column comes before it."""
    ranks = (scores >= scores[:, :1]).sum(axis=1)
    return float((1 / ranks).mean())
