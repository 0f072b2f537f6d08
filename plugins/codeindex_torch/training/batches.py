"""Batches of pairs: shuffled by seed and epoch, and free of false negatives where possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import torch

_LOOK_AHEAD = 20  # batches' worth of pairs that are looked through for one without conflict


def make_batches(
    keys: Sequence[Sequence[int]],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    multiple: int = 1,
    groups: Sequence[int] = (),
    run: int = 1,
) -> list[list[int]]:
    """The batches of one epoch; every pair once, but for what `multiple` cuts off.

    A pair that has a key in common with one of the batch waits for a later batch. Where no
    other is left, conflicting pairs do meet, and the loss masks them. The same arguments
    always give the same batches: a resumed run makes them again.

    Args:
        keys: of each pair, numbers that no two pairs of a batch should share; 0 counts not.
        batch_size: pairs in a batch; the last may be smaller, but has at least two.
        multiple: the size of every batch is cut down to a multiple of this (processes).
        groups: of each pair, what it is of (its repository).
        run: so many pairs of a group come one after the other: they are alike, and so the
            harder negatives of each other.
    """
    generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
    order = torch.randperm(len(keys), generator=generator).tolist()
    ahead = iter(_in_runs(order, groups, run, generator) if run > 1 else order)
    held: list[int] = []  # passed over; they come first in the next batch
    batches = []
    while batch := _take(ahead, held, keys, batch_size):
        batches.append(batch)
    if len(batches) > 1 and len(batches[-1]) < 2:
        last = batches.pop()  # one pair alone has no negatives to learn from
        batches[-1].extend(last)
    cut = [batch[: len(batch) // multiple * multiple] for batch in batches]
    return [batch for batch in cut if len(batch) >= 2]


def _in_runs(
    order: Sequence[int], groups: Sequence[int], run: int, generator: torch.Generator
) -> Iterator[int]:
    """The same pairs: those of a group `run` at a time, these runs in a random order."""
    members: dict[int, list[int]] = {}
    for pair in order:
        members.setdefault(groups[pair], []).append(pair)
    runs = [its[at : at + run] for its in members.values() for at in range(0, len(its), run)]
    return chain.from_iterable(runs[n] for n in torch.randperm(len(runs), generator=generator))


def _take(
    ahead: Iterator[int], held: list[int], keys: Sequence[Sequence[int]], size: int
) -> list[int]:
    """One batch, off the front of `held` and then `ahead`; `held` is left with what waits."""
    batch: list[int] = []
    passed: list[int] = []
    used: set[int] = set()
    for pair in islice(chain(held, ahead), _LOOK_AHEAD * size):
        own = {key for key in keys[pair] if key}
        if used.isdisjoint(own):
            batch.append(pair)
            used |= own
            if len(batch) == size:
                break
        else:
            passed.append(pair)
    short = size - len(batch)
    batch += passed[:short]
    looked = len(batch) + len(passed[short:])
    held[:] = [*passed[short:], *held[looked:]]
    return batch
