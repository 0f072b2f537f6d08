"""Batches of pairs: shuffled by seed and epoch, and free of false negatives where possible."""

from __future__ import annotations

from collections.abc import Sequence

import torch

_LOOK_AHEAD = 20  # batches' worth of pairs that are looked through for one without conflict


def make_batches(
    keys: Sequence[Sequence[int]], batch_size: int, *, seed: int, epoch: int, multiple: int = 1
) -> list[list[int]]:
    """The batches of one epoch; every pair once, but for what `multiple` cuts off.

    A pair that has a key in common with one of the batch waits for a later batch. Where no
    other is left, conflicting pairs do meet, and the loss masks them. The same arguments
    always give the same batches: a resumed run makes them again.

    Args:
        keys: of each pair, numbers that no two pairs of a batch should share; 0 counts not.
        batch_size: pairs in a batch; the last may be smaller, but has at least two.
        multiple: the size of every batch is cut down to a multiple of this (processes).
    """
    generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
    waiting = torch.randperm(len(keys), generator=generator).tolist()
    batches = []
    while waiting:
        batch, waiting = _take(waiting, keys, batch_size)
        batches.append(batch)
    if len(batches) > 1 and len(batches[-1]) < 2:
        last = batches.pop()  # one pair alone has no negatives to learn from
        batches[-1].extend(last)
    cut = [batch[: len(batch) // multiple * multiple] for batch in batches]
    return [batch for batch in cut if len(batch) >= 2]


def _take(
    waiting: list[int], keys: Sequence[Sequence[int]], size: int
) -> tuple[list[int], list[int]]:
    """One batch, and what is left in its order."""
    batch: list[int] = []
    passed: list[int] = []
    used: set[int] = set()
    place = 0
    for place, pair in enumerate(waiting):
        if len(batch) == size or place >= _LOOK_AHEAD * size:
            break
        own = {key for key in keys[pair] if key}
        if used.isdisjoint(own):
            batch.append(pair)
            used |= own
        else:
            passed.append(pair)
    else:
        place = len(waiting)
    rest = waiting[place:]
    short = size - len(batch)
    batch += passed[:short]
    return batch, passed[short:] + rest
