"""How good the model is on pairs it was not trained on: loss, and retrieval over the whole pool."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from codeindex.evaluation import Retrieval, first_ranks, retrieval
from codeindex.pairs import Pair
from codeindex_torch.encoder import encode_texts
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import DualEncoder
from codeindex_torch.training.batches import make_batches
from codeindex_torch.training.data import PairKeys
from codeindex_torch.training.loss import InfoNCE


@dataclass(frozen=True)
class Questions:
    """Anchors of pairs as queries over the pool of all their positives, each text once.

    Attributes:
        relevant: of each query the places in `pool` of its positives: all that a pair names,
            those of the same paper too.
        pairs: of each pair the places of its anchor in `queries` and its positive in `pool`.
        keys: of each pair, what it may have in common with another.
    """

    queries: list[str]
    pool: list[str]
    relevant: list[list[int]]
    pairs: list[tuple[int, int]]
    keys: PairKeys

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Questions:
        """From pairs."""
        places: dict[str, int] = {}
        by_anchor: dict[str, set[int]] = defaultdict(set)
        by_paper: dict[str, set[int]] = defaultdict(set)
        papers: dict[str, str] = {}
        for pair in pairs:
            place = places.setdefault(pair.positive, len(places))
            by_anchor[pair.anchor].add(place)
            if pair.paper:
                by_paper[pair.paper].add(place)
                papers[pair.anchor] = pair.paper
        relevant = [
            sorted(own | by_paper.get(papers.get(anchor, ""), set()))
            for anchor, own in by_anchor.items()
        ]
        order = {anchor: place for place, anchor in enumerate(by_anchor)}
        return cls(
            list(by_anchor),
            list(places),
            relevant,
            [(order[pair.anchor], places[pair.positive]) for pair in pairs],
            PairKeys.of(pairs),
        )


def validate(
    dual: DualEncoder,
    tokens: Tokens,
    questions: Questions,
    prompts: Sequence[str],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
) -> tuple[Tensor, Tensor, Retrieval]:
    """Vectors of the queries and of the pool, float32 on the CPU, and how well they retrieve."""
    with autocast():
        queries = encode_texts(
            dual.query, tokens, [prompts[0] + text for text in questions.queries], device
        )
        corpus = encode_texts(
            dual.corpus, tokens, [prompts[1] + text for text in questions.pool], device
        )
    metrics = retrieval(first_ranks(queries, corpus, questions.relevant), len(questions.pool))
    return torch.from_numpy(queries), torch.from_numpy(corpus), metrics


def validation_loss(
    loss: InfoNCE,
    questions: Questions,
    queries: Tensor,
    corpus: Tensor,
    batch_size: int,
    seed: int,
) -> float:
    """The mean loss over the pairs in batches of the size that is trained with, always the same.

    Args:
        queries, corpus: the vectors of `validate`.
    """
    on_cpu = copy.deepcopy(loss).cpu()
    anchors = queries[[place for place, _ in questions.pairs]]  # (pairs, dim)
    positives = corpus[[place for _, place in questions.pairs]]
    total = 0.0
    batches = make_batches(questions.keys.shared.tolist(), batch_size, seed=seed, epoch=0)
    for batch in batches:
        keys = questions.keys.at(batch)
        masked = keys.conflicts(keys)
        reverse = (positives[batch], anchors[batch], masked)
        targets = torch.arange(len(batch))
        with torch.inference_mode():
            value = on_cpu(anchors[batch], positives[batch], targets, masked, reverse)
        total += float(value) * len(batch)
    return total / max(1, sum(map(len, batches)))
