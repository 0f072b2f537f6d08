"""The gradient of one batch, computed in pieces that fit in memory and waste no padding.

Texts are encoded in pieces of like length, whatever their place in the batch: the loss does not
depend on it, and padding does. With gradient caching (Gao et al., "Scaling Deep Contrastive
Learning Batch Size under Memory Limited Setup", 2021) the vectors of all pieces are computed
without keeping activations, the loss gives each vector its gradient, and each piece is then
encoded a second time, dropout included, to carry that gradient into the weights: a batch of
any size costs the memory of one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from codeindex.batching import batches
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import DualEncoder, Role
from codeindex_torch.training.data import Encoded
from codeindex_torch.training.loss import InfoNCE
from codeindex_torch.training.processes import gather, world
from codeindex_torch.training.teaching import Teacher

TOKENS_PER_PIECE = {"cpu": 2_048, "cuda": 65_536, "mps": 16_384}
STATIC_TOKENS_PER_PIECE = 1_000_000
"""A table keeps no activations, but each piece costs a gradient of the whole table."""


@dataclass(frozen=True)
class _Piece:
    """Texts of one role that are encoded together, and their rows among all vectors."""

    role: Role
    rows: list[int]
    texts: list[list[int]]


class BatchGradients:
    """Adds the gradient of a batch to the parameters."""

    def __init__(
        self,
        dual: DualEncoder,
        loss: InfoNCE,
        tokens: Tokens,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[object]],
        chunk_size: int = 0,
        teacher: Teacher | None = None,
    ) -> None:
        """Takes the model; `chunk_size` texts a piece with gradient caching, 0 without it."""
        self._teacher = teacher
        self._dual = dual
        self._loss = loss
        self._tokens = tokens
        self._device = device
        self._autocast = autocast
        self._chunk_size = chunk_size

    def add(self, data: Encoded, batch: Sequence[int], weight: float = 1.0) -> float:
        """Adds `weight` times the gradient of the batch's mean loss; returns that loss.

        Several processes give the whole batch each, and encode a share of it each. Their
        gradients are to be averaged afterwards.
        """
        number, processes = world()
        share = len(batch) // processes
        own = list(batch)[number * share : (number + 1) * share]
        pieces, count = self._pieces(data, own)
        if self._chunk_size:
            return self._cached(data, batch, own, pieces, count, weight)
        with self._autocast():
            vectors = self._in_order([self._encode(piece) for piece in pieces], pieces, count)
        loss = self._batch_loss(data, batch, own, vectors)
        (loss * weight).backward()
        return float(loss.detach())

    # -- pieces ------------------------------------------------------------------------------

    def _pieces(self, data: Encoded, own: Sequence[int]) -> tuple[list[_Piece], int]:
        """Anchors, then positives, then hard negatives: rows of one table of vectors."""
        anchors = [data.anchors[pair] for pair in own]
        answers = [data.positives[pair] for pair in own]
        answers += [data.negatives[place] for place in data.negatives_of(own)]
        static = isinstance(self._dual.query, StaticTower)
        budget = TOKENS_PER_PIECE.get(self._device.type, 16_384)
        budget = STATIC_TOKENS_PER_PIECE if static else budget
        pieces: list[_Piece] = []
        parts: list[tuple[Role, list[list[int]], int]] = [
            ("query", anchors, 0),
            ("corpus", answers, len(own)),
        ]
        for role, texts, first in parts:
            pieces += [
                _Piece(role, [first + row for row in rows], [texts[row] for row in rows])
                for rows in batches(list(map(len, texts)), budget, self._chunk_size or None)
            ]
        return pieces, len(anchors) + len(answers)

    def _encode(self, piece: _Piece) -> Tensor:
        ids, mask = self._tokens.padded(piece.texts, self._device)
        vectors: Tensor = self._dual.tower(piece.role)(ids, mask)
        return vectors

    def _in_order(self, parts: Sequence[Tensor], pieces: Sequence[_Piece], count: int) -> Tensor:
        """(count, dim): each text's vector in its row."""
        order = torch.tensor([row for piece in pieces for row in piece.rows])
        places = torch.empty(count, dtype=torch.long)
        places[order] = torch.arange(count)
        return torch.cat(list(parts))[places.to(self._device)]

    # -- gradient caching --------------------------------------------------------------------

    def _cached(
        self,
        data: Encoded,
        batch: Sequence[int],
        own: Sequence[int],
        pieces: Sequence[_Piece],
        count: int,
        weight: float,
    ) -> float:
        states, parts = [], []
        with torch.no_grad(), self._autocast():
            for piece in pieces:
                states.append(_random_state(self._device))
                parts.append(self._encode(piece))
        vectors = self._in_order(parts, pieces, count).requires_grad_()
        loss = self._batch_loss(data, batch, own, vectors)
        (loss * weight).backward()
        wanted = vectors.grad
        assert wanted is not None  # noqa: S101 - it is a leaf that the loss depends on
        after = _random_state(self._device)
        for piece, state in zip(pieces, states, strict=True):
            _set_random_state(state, self._device)  # the same dropout as the first time
            with self._autocast():
                again = self._encode(piece)
            again.backward(wanted[piece.rows])
        _set_random_state(after, self._device)
        return float(loss.detach())

    def _batch_loss(
        self, data: Encoded, batch: Sequence[int], own: Sequence[int], vectors: Tensor
    ) -> Tensor:
        """InfoNCE of the own pairs against the candidates of all processes; and the teacher's."""
        size = len(own)
        anchors, positives = vectors[:size], vectors[size : 2 * size]
        every = gather(positives)
        negatives = gather(vectors[2 * size :])
        first = list(batch).index(own[0])
        targets = torch.arange(first, first + size, device=self._device)
        conflicts = data.keys.at(own).conflicts(data.keys.at(batch))  # (own, batch)
        masked = torch.cat([conflicts, _false_negatives(data, batch, conflicts)], dim=1)
        reverse = None
        if self._loss.two_directions:
            reverse = (positives, gather(anchors), conflicts.to(self._device))
        loss: Tensor = self._loss(
            anchors, torch.cat([every, negatives]), targets, masked.to(self._device), reverse
        )
        if self._teacher is not None:
            loss = loss + self._teacher.loss(own, batch, anchors, every)
        return loss


def _false_negatives(data: Encoded, batch: Sequence[int], conflicts: Tensor) -> Tensor:
    """bool (own, negatives): hard negatives that are a positive of the same paper, file or text."""
    texts = data.negative_keys[data.negatives_of(batch)]  # (negatives,)
    same = data.keys.at(batch).positive[:, None] == texts[None, :]  # (batch, negatives)
    return (conflicts.float() @ same.float()) > 0


def _random_state(device: torch.device) -> Tensor:
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    if device.type == "mps":
        return torch.mps.get_rng_state()
    return torch.get_rng_state()


def _set_random_state(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)
