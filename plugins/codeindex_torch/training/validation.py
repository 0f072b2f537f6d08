"""How good the model is on pairs it was not trained on: loss, and retrieval over the whole pool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from codeindex.evaluation import Retrieval, first_ranks, retrieval
from codeindex.pairs import Pair
from codeindex_torch.encoder import encode_texts
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import DualEncoder
from codeindex_torch.training.batches import make_batches
from codeindex_torch.training.data import Encoded
from codeindex_torch.training.gradients import BatchGradients


@dataclass(frozen=True)
class Questions:
    """Anchors of pairs as queries over the pool of all their positives, each text once.

    Attributes:
        relevant: of each query the places in `pool` of its positives: all that a pair names,
            those of the same paper too.
    """

    queries: list[str]
    pool: list[str]
    relevant: list[list[int]]

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
        return cls(list(by_anchor), list(places), relevant)


def validate(
    dual: DualEncoder,
    tokens: Tokens,
    questions: Questions,
    prompts: Sequence[str],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
) -> Retrieval:
    """Retrieval metrics of the model as it is."""
    with autocast():
        queries = encode_texts(
            dual.query, tokens, [prompts[0] + text for text in questions.queries], device
        )
        corpus = encode_texts(
            dual.corpus, tokens, [prompts[1] + text for text in questions.pool], device
        )
    return retrieval(first_ranks(queries, corpus, questions.relevant), len(questions.pool))


def validation_loss(gradients: BatchGradients, data: Encoded, batch_size: int, seed: int) -> float:
    """The mean loss over the pairs in batches of the size that is trained with, always the same."""
    keys = data.keys.shared.tolist()
    total = 0.0
    batches = make_batches(keys, batch_size, seed=seed, epoch=0)
    for batch in batches:
        total += gradients.value(data, batch) * len(batch)
    return total / max(1, sum(map(len, batches)))
