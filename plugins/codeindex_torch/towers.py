"""Towers: a Transformer, pooled, projected and normalised; and the two of a dual encoder."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

Pooling = Literal["cls", "mean"]
Role = Literal["query", "corpus"]


class Tower(nn.Module):
    """Token ids → unit vectors."""

    def __init__(self, backbone: nn.Module, pooling: Pooling, projection: int = 0) -> None:
        """Takes a Transformer of `transformers`.

        Args:
            pooling: ``cls`` takes the first token's vector, ``mean`` that of all tokens.
            projection: dimensions of a linear layer after pooling; 0 for none.
        """
        super().__init__()
        self.backbone = backbone
        self.pooling: Pooling = pooling
        hidden = int(self.config.hidden_size)
        self.projection = nn.Linear(hidden, projection, bias=False) if projection else None
        self.dim = projection or hidden

    @property
    def config(self) -> Any:
        """The configuration of the Transformer."""
        return self.backbone.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(batch, sequence) ids and mask → (batch, dim) float32 of unit length."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask)[0]
        pooled = pool(hidden, attention_mask, self.pooling)  # (batch, hidden)
        if self.projection is not None:
            pooled = self.projection(pooled)
        return nn.functional.normalize(pooled.float(), dim=-1)


def pool(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """(batch, sequence, hidden) → (batch, hidden)."""
    if pooling == "cls":
        return hidden[:, 0]
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (batch, sequence, 1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)


class DualEncoder(nn.Module):
    """A tower for what asks and one for what is searched; the same one where they are shared.

    Two towers may share their projection: two spaces that are trained apart align better
    through one last layer (Dong et al., "Exploring Dual Encoder Architectures for Question
    Answering", EMNLP 2022).
    """

    def __init__(self, query: Tower, corpus: Tower, *, share_projection: bool = True) -> None:
        """Takes the towers."""
        super().__init__()
        self.query = query
        self.corpus = corpus
        if share_projection and query.projection is not None:
            self.corpus.projection = query.projection

    @property
    def shared(self) -> bool:
        """Whether one tower does both."""
        return self.query is self.corpus

    def tower(self, role: Role) -> Tower:
        """The tower of a role."""
        return self.query if role == "query" else self.corpus
