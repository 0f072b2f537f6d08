"""Batches of texts of like length: padding is work that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Batch = list[int]
"""Positions of texts."""


def batches(lengths: Sequence[int], tokens: int, texts: int | None = None) -> Iterator[Batch]:
    """Positions in batches of like length, short ones first.

    Args:
        lengths: of the texts, in tokens.
        tokens: at most so many in a batch, padding included (a longer text is alone in one):
            it bounds memory, whatever the lengths.
        texts: at most so many in a batch.
    """
    batch: Batch = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Sorted upwards: the row at hand is the longest of its batch.
        full = (len(batch) + 1) * max(1, lengths[row]) > tokens or len(batch) == texts
        if batch and full:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def run_batches(
    work: Callable[[Batch], None],
    parts: Sequence[Batch],
    threads: int,
    begin: Callable[[], None] | None = None,
) -> None:
    """Does every batch, on several threads where there are several batches.

    A batch a thread beats a batch on all threads: nobody waits for the slowest at the end of
    every operation, which costs most where the cores are shared with others. `work` must leave
    Python while it computes. No thread outlives the call.

    Args:
        work: is given a batch; may run on several threads at once.
        parts: the batches.
        threads: at most so many, this one among them where it is one.
        begin: run first on each new thread.

    Raises:
        Exception: the first that `work` raised; batches that had not begun are left out, as
            they are on Ctrl-C.
    """
    if min(threads, len(parts)) < 2:
        for part in parts:
            work(part)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(min(threads, len(parts)), initializer=begin)
    try:
        for done in [pool.submit(work, part) for part in parts]:
            done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
