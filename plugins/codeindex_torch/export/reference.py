"""What PyTorch gives: the vectors that a bundle is held against. Then the model is let go.

A large model must not be in memory twice: it is loaded, asked, written as a graph and freed
before the graph is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from codeindex.vectors import Embeddings
from codeindex_torch.encoder import encode_ids
from codeindex_torch.export.folder import ROLES
from codeindex_torch.export.gate import Vectors, can_retrieve
from codeindex_torch.export.runner import Rows
from codeindex_torch.export.texts import CheckTexts
from codeindex_torch.loading import LoadedModel
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.towers import Role, Tower


@dataclass(frozen=True)
class Reference:
    """Of the model in PyTorch, fp32.

    Attributes:
        vectors: of the texts that are measured on.
        tuning: by role, of the texts that choices are made by.
        texts_per_second: on the corpus texts among those.
    """

    vectors: Vectors
    tuning: Mapping[Role, Embeddings]
    texts_per_second: float


def parameters(tower: Tower) -> int:
    """Weights that every token goes through: not the tables of vectors."""
    if isinstance(tower, StaticTower):
        return tower.dim  # of the one vector that is added
    tables = {
        id(module.weight) for module in tower.modules() if isinstance(module, torch.nn.Embedding)
    }
    return sum(weight.numel() for weight in tower.parameters() if id(weight) not in tables)


def reference(model: LoadedModel, texts: CheckTexts) -> Reference:
    """Encodes the texts with PyTorch."""
    tokens = model.tokens()

    def encode(role: Role, rows: Rows) -> Embeddings:
        return encode_ids(model.dual.tower(role), tokens, rows, torch.device("cpu"))

    tuning = {role: encode(role, texts.tuning[role]) for role in ROLES}
    began = time.perf_counter()  # warm by now
    encode("corpus", texts.tuning["corpus"])
    seconds = time.perf_counter() - began
    vectors = Vectors(encode("query", texts.queries), encode("corpus", texts.corpus))
    if not can_retrieve(vectors):
        halves = encode("corpus", texts.halves)
        vectors = Vectors(vectors.queries, vectors.corpus, halves)
    return Reference(vectors, tuning, len(texts.tuning["corpus"]) / seconds)
