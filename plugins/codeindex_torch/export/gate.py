"""The quality gate: vectors of a graph against those of PyTorch, text by text and by retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from codeindex.evaluation import Retrieval, first_ranks, retrieval
from codeindex.vectors import Embeddings

EXACT_COSINE = 0.9999
"""What every text must reach in fp32."""

ROUNDED_COSINE = 0.999995
"""Vectors that differ by no more than rounding."""

_CHANCE = 5.0  # times what chance gives: less says nothing about the vectors


@dataclass(frozen=True)
class Vectors:
    """Of the texts that are measured on.

    Attributes:
        queries, corpus: (pairs, dim).
        halves: (pairs, dim), the first halves of `corpus`; None where they are not needed.
    """

    queries: Embeddings
    corpus: Embeddings
    halves: Embeddings | None = None


@dataclass(frozen=True)
class Quality:
    """How near a graph is to PyTorch.

    Attributes:
        cosine: of each text with itself: min, quantiles, mean.
        task: what was searched, in words.
        torch, onnx: retrieval, of all ranks of both directions together.
        ratio: of the MRR: what is held against the limit.
    """

    cosine: Mapping[str, float]
    task: str
    torch: Retrieval
    onnx: Retrieval

    @property
    def ratio(self) -> float:
        """Share of PyTorch's MRR that is kept."""
        return self.onnx.mrr / self.torch.mrr

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values, with the ratio of every metric."""
        ours, theirs = self.onnx.as_json(), self.torch.as_json()
        metrics = [name for name in ours if name not in ("queries", "pool")]
        return {
            "texts": dict(self.cosine),
            "task": self.task,
            "torch": asdict(self.torch),
            "onnx": asdict(self.onnx),
            "ratio": {name: ours[name] / theirs[name] for name in metrics if theirs[name]},
        }


def can_retrieve(torch: Vectors) -> bool:
    """Whether PyTorch's vectors find the pairs at all, so that losing some can be seen."""
    pool = len(torch.corpus)
    by_chance = sum(1 / rank for rank in range(1, pool + 1)) / pool
    return _pairs_retrieval(torch).mrr >= min(0.5, _CHANCE * by_chance)


def quality(torch: Vectors, onnx: Vectors) -> Quality:
    """Compares.

    If PyTorch itself does not find the code by its docstring, as before any training, then
    each code is looked for by its first half: that needs no training, and errors of the
    vectors show in it as well.
    """
    mine = np.concatenate([onnx.queries, onnx.corpus])
    its = np.concatenate([torch.queries, torch.corpus])
    cosine = (mine.astype(np.float64) * its).sum(axis=1)
    facts = {
        "count": float(len(cosine)),
        "mean": float(cosine.mean()),
        "min": float(cosine.min()),
        "q01": float(np.quantile(cosine, 0.01)),
        "q10": float(np.quantile(cosine, 0.10)),
        "median": float(np.median(cosine)),
    }
    if torch.halves is None or onnx.halves is None:
        task = "text to code and code to text"
        return Quality(facts, task, _pairs_retrieval(torch), _pairs_retrieval(onnx))
    task = "first half of code to code (the model does not find code by text)"
    return Quality(facts, task, _halves_retrieval(torch), _halves_retrieval(onnx))


def _pairs_retrieval(vectors: Vectors) -> Retrieval:
    own = [[row] for row in range(len(vectors.corpus))]
    there = first_ranks(vectors.queries, vectors.corpus, own)
    back = first_ranks(vectors.corpus, vectors.queries, own)
    return retrieval(np.concatenate([there, back]), len(own))


def _halves_retrieval(vectors: Vectors) -> Retrieval:
    if vectors.halves is None:
        raise ValueError("no halves were encoded")
    own = [[row] for row in range(len(vectors.corpus))]
    return retrieval(first_ranks(vectors.halves, vectors.corpus, own), len(own))
