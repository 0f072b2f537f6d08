"""Several processes: vectors gathered with their gradient, gradients averaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, distributed


def world() -> tuple[int, int]:
    """(own number, how many processes)."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def gather(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of their numbers; gradients flow back to each.

    The numbers of rows may differ. The gradient of a row is the sum of what all processes'
    losses ask of it, so that averaging parameter gradients over processes gives the gradient
    of the mean loss over the whole batch.
    """
    if world()[1] == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        number, processes = world()
        own = torch.tensor([len(rows)], device=rows.device)
        counts = [torch.zeros_like(own) for _ in range(processes)]
        distributed.all_gather(counts, own)
        sizes = [int(count) for count in counts]
        longest = max(sizes)
        padded = rows.new_zeros((longest, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(processes)]
        distributed.all_gather(parts, padded.contiguous())
        context.start, context.length = sum(sizes[:number]), len(rows)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total[context.start : context.start + context.length]


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replaces each gradient by its mean over the processes, in one exchange."""
    processes = world()[1]
    if processes == 1:
        return
    with_gradient = [item for item in parameters if item.requires_grad]
    for item in with_gradient:
        if item.grad is None:  # every process must take part with the same shapes
            item.grad = torch.zeros_like(item)
    flat = torch.cat([item.grad.reshape(-1) for item in with_gradient])  # type: ignore[union-attr]
    distributed.all_reduce(flat)
    flat /= processes
    start = 0
    for item in with_gradient:
        item.grad = flat[start : start + item.numel()].view_as(item).clone()
        start += item.numel()


def mean_over_processes(value: float, device: torch.device) -> float:
    """The mean of a number over the processes."""
    processes = world()[1]
    if processes == 1:
        return value
    tensor = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.all_reduce(tensor)
    return float(tensor) / processes
