"""Learns from pairs which texts are near to every question; see `codeindex.hubness`."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codeindex.bundle import CORPUS, MANIFEST, MODEL, QUERY
from codeindex.errors import UsageError
from codeindex.evaluation import first_ranks, retrieval
from codeindex.hubness import HUBNESS, NEAREST, Hubness, HubPenalty, asked
from codeindex.pairs import Pair
from codeindex.pairs.reading import read_pairs
from codeindex.static_table import quantised
from codeindex.vectors import Embeddings
from codeindex_torch.export.graphs import GateFailedError
from codeindex_torch.export.runner import Runner
from codeindex_torch.export.texts import CheckTexts
from codeindex_torch.pair_vectors import Say, pair_vectors

FEWEST_PAIRS = 1_000
MOST_PAIRS = 100_000  # of which each text is held against each question

_HIDDEN = 1024
_SCALE = 16.0  # of vectors, whose coordinates are small
_THRESHOLD = 0.3  # similarity from which on a question counts, before training
_STEPS = 2_100
_BATCH = 512
_RATE = 1e-3
_AT_ONCE = 2_000  # texts, held against all questions
_SEED = 0


def hub_pairs(path: Path, say: Say) -> list[Pair]:
    """The pairs to learn from, at most `MOST_PAIRS`, drawn at random and always the same.

    Raises:
        NotFoundError, UsageError: see `read_pairs`; also if there are fewer than `FEWEST_PAIRS`.
    """
    pairs = read_pairs(path, say)
    if len(pairs) < FEWEST_PAIRS:
        raise UsageError(
            f"{path} holds {len(pairs):,} pairs; which texts are near to every question shows among"
            f" {FEWEST_PAIRS:,} at least. Leave out --hubness"
        )
    draw = random.Random(_SEED)  # noqa: S311
    return pairs if len(pairs) <= MOST_PAIRS else draw.sample(pairs, MOST_PAIRS)


def add_hubness(
    folder: Path, pairs: Sequence[Pair], name: str, checked: CheckTexts, say: Say
) -> dict[str, Any]:
    """Fits it for the bundle in `folder`, writes its file there, and says what it gives.

    The manifest is not written anew.

    Args:
        name: of the pairs, for people.
        checked: what it is measured on.

    Returns:
        For the report: the pairs, and the MRR of text to code without it and with it.

    Raises:
        GateFailedError: the bundle finds less with it.
    """
    say(f"encoding {len(pairs):,} pairs of {name}, for hubness")
    questions, texts = pair_vectors(pairs, str(folder), torch.device("cpu"), say)
    hubness = fitted(questions, texts, say)
    places = json.loads((folder / MANIFEST).read_text("utf-8")).get("towers", {})
    ask = Runner(folder / places.get(QUERY, ".") / MODEL).encode(checked.queries)
    answer = Runner(folder / places.get(CORPUS, ".") / MODEL).encode(checked.corpus)
    dim = answer.shape[1]
    plain = _mrr(ask, answer)
    held_back = _mrr(asked(ask, dim), HubPenalty(hubness).corpus(answer, dim))
    if held_back < plain:
        raise GateFailedError(
            f"with hubs held back, as {name} shows them, the MRR falls from {plain:.3f}"
            f" to {held_back:.3f}; leave out --hubness. No bundle was written"
        )
    (folder / HUBNESS).write_bytes(hubness.file())
    return {"pairs": len(pairs), "of": name, "mrr": {"off": plain, "on": held_back}}


def _mrr(queries: Embeddings, corpus: Embeddings) -> float:
    own = [[row] for row in range(len(corpus))]
    return retrieval(first_ranks(queries, corpus, own), len(corpus)).mrr


def fitted(questions: Embeddings, texts: Embeddings, say: Say = lambda text: None) -> Hubness:
    """A network that says of a text its mean similarity to the `NEAREST` of `questions`.

    A hidden unit begins as a question, and says how near the text is to it.

    Args:
        questions, texts: float32 (pairs, dim), unit rows. Row by row they belong together: a
            text's own question does not count among those nearest to it.
    """
    say(f"finding the {NEAREST} questions nearest to each of {len(texts):,} texts")
    ask, answer = torch.from_numpy(questions), torch.from_numpy(texts)
    wanted = _nearness(ask, answer)
    usual, spread = wanted.mean(), wanted.std().clamp_min(1e-6)
    draw = torch.Generator().manual_seed(_SEED)
    network = _Network(ask[torch.randperm(len(ask), generator=draw)[:_HIDDEN]], draw)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_STEPS)
    for _ in range(_STEPS):
        rows = torch.randint(len(answer), (_BATCH,), generator=draw)
        loss = ((network(answer[rows]) - (wanted[rows] - usual) / spread) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.weights(float(spread), float(usual))


def _nearness(questions: Tensor, texts: Tensor) -> Tensor:
    """r of each text (pairs,), its own question left out."""
    found = []
    count = min(NEAREST, len(questions) - 1)
    for start in range(0, len(texts), _AT_ONCE):
        scores = texts[start : start + _AT_ONCE] @ questions.T  # (rows, pairs)
        rows = torch.arange(len(scores))
        scores[rows, start + rows] = -torch.inf
        found.append(scores.topk(count, dim=1).values.mean(dim=1))
    return torch.cat(found)


class _Network(nn.Module):
    """One hidden layer."""

    def __init__(self, questions: Tensor, draw: torch.Generator) -> None:
        super().__init__()
        hidden = len(questions)
        self._rows = nn.Parameter(questions.clone())
        self._bias = nn.Parameter(torch.full((hidden,), -_THRESHOLD * _SCALE))
        self._out = nn.Parameter((2 * torch.rand(hidden, generator=draw) - 1) / hidden**0.5)
        self._mean = nn.Parameter(torch.zeros(()))

    def forward(self, texts: Tensor) -> Tensor:
        """Unit rows (batch, dim) → (batch,)."""
        hidden = torch.relu(_SCALE * texts @ self._rows.T + self._bias)
        return hidden @ self._out + self._mean

    @torch.no_grad()
    def weights(self, spread: float, usual: float) -> Hubness:
        """What a bundle holds; what it says times `spread`, plus `usual`."""
        rows, scales = quantised((_SCALE * self._rows).numpy())
        return Hubness(
            rows,
            scales,
            self._bias.numpy(),
            (spread * self._out).numpy(),
            np.asarray(spread * float(self._mean) + usual, dtype=np.float32),
            np.asarray(usual, dtype=np.float32),
        )
