"""InfoNCE over the pairs of a batch, without false negatives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

MAX_SCALE = 100.0
"""A learned 1 / temperature stays below (as in CLIP, Radford et al. 2021)."""


class InfoNCE(nn.Module):
    """Contrastive loss with in-batch negatives (van den Oord et al., 2018).

    ``loss_i = -log( exp(q_i·p_i / t) / sum_j exp(q_i·p_j / t) )``, the mean over the batch. With
    two directions, the mean of this and of the same with anchors and positives exchanged.

    With `cuts`, the mean of that and of the same for the first so many dimensions, each at unit
    length (Kusupati et al., "Matryoshka Representation Learning", 2022): vectors may be cut there.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        *,
        learn: bool = False,
        two_directions: bool = False,
        cuts: Sequence[int] = (),
    ) -> None:
        """Takes the temperature, to begin with or for good."""
        super().__init__()
        start = torch.tensor(math.log(1 / temperature), dtype=torch.float32)
        self.log_scale = nn.Parameter(start, requires_grad=learn)
        self.two_directions = two_directions
        self.cuts = tuple(cuts)

    @property
    def temperature(self) -> float:
        """As it is now."""
        return 1 / self.scale().item()

    def scale(self) -> Tensor:
        """1 / temperature."""
        return self.log_scale.exp()

    def clamp(self) -> None:
        """Keeps a learned temperature within its bounds; to be called after each step."""
        if self.log_scale.requires_grad:
            with torch.no_grad():
                self.log_scale.clamp_(0, math.log(MAX_SCALE))

    def forward(
        self,
        anchors: Tensor,
        positives: Tensor,
        targets: Tensor,
        masked: Tensor,
        reverse: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> Tensor:
        """The loss of these anchors.

        Args:
            anchors: (b, dim) unit vectors.
            positives: (n, dim): all candidates, hard negatives among them.
            targets: (b,) which candidate answers which anchor.
            masked: bool (b, n): candidates that are no negatives of an anchor.
            reverse: with two directions: the positives of these anchors (b, dim), all anchors
                (m, dim), and bool (b, m) which of those do not count; targets are the same.
        """
        loss = self._direction(anchors, positives, targets, masked)
        if not self.two_directions:
            return loss
        if reverse is None:
            raise ValueError("two directions need what `reverse` is documented to be")
        own, all_anchors, masked_anchors = reverse
        return (loss + self._direction(own, all_anchors, targets, masked_anchors)) / 2

    def _direction(self, ask: Tensor, answer: Tensor, targets: Tensor, masked: Tensor) -> Tensor:
        loss = self._of_whole(ask, answer, targets, masked)
        for dim in self.cuts:
            first = [nn.functional.normalize(side[:, :dim], dim=1) for side in (ask, answer)]
            loss = loss + self._of_whole(first[0], first[1], targets, masked)
        return loss / (1 + len(self.cuts))

    def _of_whole(self, ask: Tensor, answer: Tensor, targets: Tensor, masked: Tensor) -> Tensor:
        logits = ask @ answer.T * self.scale()  # (b, n)
        own = nn.functional.one_hot(targets, len(answer)).bool()
        logits = logits.masked_fill(masked & ~own, float("-inf"))
        return nn.functional.cross_entropy(logits, targets)
