"""Batches of texts of like length: padding is work that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def batches(lengths: Sequence[int], tokens: int, texts: int | None = None) -> Iterator[list[int]]:
    """Positions in batches of like length, short ones first.

    Args:
        lengths: of the texts, in tokens.
        tokens: at most so many in a batch, padding included (a longer text is alone in one):
            it bounds memory, whatever the lengths.
        texts: at most so many in a batch.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Sorted upwards: the row at hand is the longest of its batch.
        full = (len(batch) + 1) * max(1, lengths[row]) > tokens or len(batch) == texts
        if batch and full:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
