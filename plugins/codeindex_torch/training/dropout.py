"""Dropout that costs little on CPU: the same distribution from far fewer random numbers.

PyTorch draws a number for each element, which takes an eighth of the time of a step. Here each
draw of 64 bits decides four elements. On other devices dropout stays as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, kept: Tensor, scale: float) -> Tensor:
        context.save_for_backward(kept)
        context.scale = scale
        return (values * kept).mul_(scale)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (kept,) = context.saved_tensors
        return (gradients[0] * kept).mul_(context.scale), None, None


def drop(values: Tensor, probability: float) -> Tensor:
    """`values` with each element 0 with this probability (to within 1 / 65536), others scaled up.

    The mean stays (Srivastava et al., "Dropout", 2014). Numbers come from PyTorch's generator.
    """
    threshold = round(probability * _LEVELS)
    if not 0 < threshold < _LEVELS:
        return nn.functional.dropout(values, probability)
    count = values.numel()
    draws = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
    kept = draws.view(torch.int16)[:count] >= threshold - _LEVELS // 2
    dropped: Tensor = _Drop.apply(  # type: ignore[no-untyped-call]
        values, kept.view(values.shape), _LEVELS / (_LEVELS - threshold)
    )
    return dropped


class CheapDropout(nn.Dropout):
    """`torch.nn.Dropout`, drawn by `drop`."""

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with elements dropped while training."""
        return drop(input, self.p) if self.training and self.p else input


def make_cheap(module: nn.Module) -> None:
    """Replaces every `torch.nn.Dropout` within a module by one that is drawn by `drop`.

    Attention must be the ``eager`` one of `transformers`, whose dropout is such a module.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                setattr(parent, name, CheapDropout(child.p).train(child.training))
