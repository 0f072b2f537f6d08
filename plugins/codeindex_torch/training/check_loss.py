"""Does InfoNCE do what it should? Computed, printed, and held against what must come out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from codeindex_torch.training.loss import InfoNCE

_DRAWS = 200


@dataclass(frozen=True)
class LossCheck:
    """One thing that must hold.

    Attributes:
        name: what is tried.
        measured: what came out, in words.
        expected: what must come out, in words.
        passed: whether it did.
    """

    name: str
    measured: str
    expected: str
    passed: bool


def check_loss(
    *,
    batch_size: int = 4,
    dim: int = 768,
    temperature: float = 0.07,
    two_directions: bool = False,
    seed: int = 42,
) -> Iterator[LossCheck]:
    """The checks, as they are computed."""
    generator = torch.Generator().manual_seed(seed)

    def unit(*shape: int) -> Tensor:
        return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)

    def loss_of(anchors: Tensor, positives: Tensor) -> Tensor:
        size = len(anchors)
        nothing = torch.zeros(size, size, dtype=torch.bool)
        module = InfoNCE(temperature, two_directions=two_directions)
        reverse = (positives, anchors, nothing)
        found: Tensor = module(anchors, positives, torch.arange(size), nothing, reverse)
        return found

    chance = math.log(batch_size)
    # Inner products of random unit vectors have variance 1 / dim: over the temperature they
    # spread the logits, which adds about half their variance to the loss.
    excess = 1 / (2 * dim * temperature**2)
    random = torch.stack(
        [loss_of(unit(batch_size, dim), unit(batch_size, dim)) for _ in range(_DRAWS)]
    )
    mean = float(random.mean())
    yield LossCheck(
        "random vectors (untrained)",
        f"loss {mean:.4f}, the mean of {_DRAWS} draws",
        f"about ln {batch_size} = {chance:.4f}, within {0.05 + 2 * excess:.2f}",
        abs(mean - chance) <= 0.05 + 2 * excess,
    )

    anchors = unit(batch_size, dim)
    near = torch.nn.functional.normalize(anchors + 1.5 * unit(batch_size, dim), dim=-1)
    partial, similar = float(loss_of(anchors, near)), anchors @ near.T
    diagonal = float(similar.diagonal().mean())
    others = float((similar.sum() - similar.diagonal().sum()) / (batch_size**2 - batch_size))
    yield LossCheck(
        "partly similar pairs",
        f"loss {partial:.4f}; diagonal {diagonal:.2f}, others {others:.2f}",
        f"below the random loss; gap {diagonal - others:.2f} above 0",
        partial < mean and diagonal > others,
    )

    same = float(loss_of(anchors, anchors))
    yield LossCheck("identical pairs", f"loss {same:.6f}", "near 0, below 0.01", same < 0.01)

    shifted = float(loss_of(anchors, anchors.roll(1, dims=0)))
    least = 0.5 / temperature
    yield LossCheck(
        "every pair wrong",
        f"loss {shifted:.4f}",
        f"near 1 / temperature, above {least:.2f}",
        shifted > least,
    )
    yield from _gradients(loss_of, unit(batch_size, dim), unit(batch_size, dim))
    yield _masking(temperature, anchors)


def _gradients(loss_of: object, anchors: Tensor, positives: Tensor) -> Iterator[LossCheck]:
    assert callable(loss_of)  # noqa: S101 - for the type checker
    free = torch.nn.Parameter(anchors.clone())
    losses = []
    finite = True
    for _ in range(20):
        loss = loss_of(torch.nn.functional.normalize(free, dim=-1), positives)
        (gradient,) = torch.autograd.grad(loss, free)
        finite &= bool(torch.isfinite(gradient).all()) and float(gradient.norm()) > 0
        losses.append(float(loss.detach()))
        with torch.no_grad():
            free.sub_(0.1 * gradient)
    yield LossCheck("gradients", "finite" if finite else "not finite", "finite, not 0", finite)
    falling = all(after < before for before, after in pairwise(losses))
    yield LossCheck(
        "20 steps down the gradient",
        f"loss {losses[0]:.4f} → {losses[-1]:.4f}",
        "lower after every step",
        falling,
    )


def _masking(temperature: float, anchors: Tensor) -> LossCheck:
    """A duplicate of a positive must not change the loss once it is masked."""
    size = len(anchors)
    module = InfoNCE(temperature)
    targets = torch.arange(size)
    plain = torch.zeros(size, size, dtype=torch.bool)
    alone = float(module(anchors, anchors, targets, plain))
    twice = torch.cat([anchors, anchors])
    masked = torch.cat([plain, torch.eye(size, dtype=torch.bool)], dim=1)
    unmasked = float(module(anchors, twice, targets, torch.zeros_like(masked)))
    with_mask = float(module(anchors, twice, targets, masked))
    return LossCheck(
        "false negatives masked",
        f"loss {with_mask:.6f}; without the mask {unmasked:.4f}",
        "near 0; without the mask at least ln 2",
        with_mask < 0.01 + alone and unmasked >= math.log(2) - 1e-4,
    )
