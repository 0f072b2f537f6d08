"""Static tower: a text is the weighted sum of its tokens' vectors; nothing else is computed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codeindex_torch.towers import Tower

POWER = 0.5
"""A token that stands in a text n times counts n to this power: its square root."""


class StaticTower(Tower):
    """Token ids → unit vectors, by a table: a bag of tokens (fastText; Joulin et al., 2017).

    The weight of each token is learned apart from its direction, as the logarithm: it begins as
    how rare the token is, and what is learned of it does not depend on how long its vector is.
    """

    def __init__(self, vectors: Tensor, weights: Tensor) -> None:
        """Takes a vector for each token, (vocabulary, dim), and its weight, (vocabulary,) > 0."""
        nn.Module.__init__(self)  # a tower without a Transformer
        self.pooling = "mean"
        self.projection = None
        self.vectors = nn.Parameter(vectors.float())
        self.log_weights = nn.Parameter(weights.float().log())
        self.dim = int(vectors.shape[1])

    @classmethod
    def of_table(cls, table: Tensor) -> StaticTower:
        """From vectors with their weights multiplied in, (vocabulary, dim).

        A token without a vector begins with almost no weight.
        """
        lengths = table.float().norm(dim=1)
        least = float(lengths.max().clamp(min=1e-6)) * 1e-3
        weights = lengths.clamp(min=least)
        return cls(table / weights[:, None], weights)

    @property
    def config(self) -> None:
        """Nothing: there is no Transformer."""
        return None

    def table(self) -> Tensor:
        """Vectors with their weights multiplied in, (vocabulary, dim)."""
        return self.vectors.detach() * self.log_weights.detach().exp()[:, None]

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(batch, sequence) ids and mask → (batch, dim) float32; a text without tokens is 0."""
        size = len(self.vectors)
        lengths = attention_mask.sum(dim=1)  # (batch,)
        texts = torch.arange(len(input_ids), device=input_ids.device).repeat_interleave(lengths)
        tokens = input_ids[attention_mask.bool()]  # (tokens,)
        found, counts = torch.unique(texts * size + tokens, return_counts=True)
        texts, tokens = found // size, found % size  # each token of a text once
        each = torch.bincount(texts, minlength=len(input_ids))
        weights = self.log_weights[tokens].exp() * counts**POWER
        pooled = nn.functional.embedding_bag(
            tokens,
            self.vectors,
            each.cumsum(0) - each,
            mode="sum",
            per_sample_weights=weights.to(self.vectors.dtype),
        )
        return nn.functional.normalize(pooled.float(), dim=-1)
