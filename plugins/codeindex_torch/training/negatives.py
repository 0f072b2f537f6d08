"""Hard negatives: what the starting model takes for an answer and is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from codeindex.vectors import Embeddings
from codeindex_torch.training.data import PairKeys

MARGIN = 0.95
"""A negative scores at most this share of the positive's score, or it may well be an answer
(the TopK-PercPos rule of NV-Retriever, Moreira et al. 2024)."""

_ROWS = 256


def mine_negatives(
    anchors: Embeddings, positives: Embeddings, keys: PairKeys, wanted: int
) -> Tensor:
    """int64 (pairs, wanted): the pairs whose positives are each pair's hard negatives; −1: none.

    Args:
        anchors, positives: (pairs, dim), by the model that training begins with.
        keys: pairs that share a paper, a file or a text are never taken.
    """
    count = len(anchors)
    found = torch.full((count, wanted), -1, dtype=torch.int64)
    for start in range(0, count, _ROWS):
        rows = list(range(start, min(count, start + _ROWS)))
        scores = torch.from_numpy(anchors[rows] @ positives.T)  # (rows, pairs)
        own = scores[torch.arange(len(rows)), torch.tensor(rows)]  # (rows,)
        limit = own - (1 - MARGIN) * own.abs()
        barred = keys.at(rows).conflicts(keys)
        barred[torch.arange(len(rows)), torch.tensor(rows)] = True
        scores[barred | (scores > limit[:, None])] = float("-inf")
        reach = min(count, 4 * wanted)  # the same text may stand several times among the best
        best, places = scores.topk(reach, dim=1)
        for row, (values, candidates) in enumerate(
            zip(best.tolist(), places.tolist(), strict=True)
        ):
            usable = [c for value, c in zip(values, candidates, strict=True) if np.isfinite(value)]
            chosen = _distinct(usable, keys)[:wanted]
            found[start + row, : len(chosen)] = torch.tensor(chosen, dtype=torch.int64)
    return found


def _distinct(candidates: Sequence[int], keys: PairKeys) -> list[int]:
    """The candidates whose texts differ from those before them."""
    texts = keys.positive[list(candidates)].tolist() if candidates else []
    first: dict[int, int] = {}
    for text, candidate in zip(texts, candidates, strict=True):
        first.setdefault(text, candidate)
    return list(first.values())
