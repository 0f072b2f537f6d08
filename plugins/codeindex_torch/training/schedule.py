"""The learning rate of each step, and what the optimiser does with which weight."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn


def rate_at(step: int, total: int, peak: float, warmup: float, schedule: str) -> float:
    """The learning rate of step `step` (from 0) of `total`.

    It rises from 0 over the first `warmup` share of the steps, then stays, or falls to 0 along
    a line or half a cosine.
    """
    rising = math.ceil(warmup * total)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "constant":
        return peak
    done = (step - rising) / max(1, total - rising)
    if schedule == "linear":
        return peak * (1 - done)
    return peak * (1 + math.cos(math.pi * done)) / 2


def make_optimizer(
    modules: Iterable[nn.Module], learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019); only matrices decay."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    unique = list({id(parameter): parameter for parameter in parameters}.values())
    groups = [
        {"params": [p for p in unique if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in unique if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=learning_rate, fused=True
    )
