"""Which segments to merge, and their postings as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from codeindex.lexical.postings import Postings, collected

AT_WORK = 1 / 7
"""See `first_to_merge`: eight segments of a size become one, while a run adds more and more."""

AT_REST = 2.0
"""The same for the end of a run: each segment is twice as large as all later ones together."""

_RANGE = 2_000_000  # postings that are merged at a time

Places = npt.NDArray[np.int64]
"""(n,) the new position of each document of a segment; −1 for those that are left out."""


def first_to_merge(live: Sequence[int], removed: Sequence[int], ratio: float) -> int | None:
    """From which segment on all are to become one; None if they are well as they are.

    Only neighbours are merged, so that segments hold ranges of ids that do not overlap (the
    logarithmic method: Bentley and Saxe, Decomposable Searching Problems, 1980).

    Args:
        live: documents in each segment, without those removed.
        removed: documents in each that were removed; more than live ones, and they are dropped.
        ratio: a segment is merged with all later ones that hold more than 1 / `ratio` of its
            documents together.
    """
    later = sum(live)
    for number, (size, dead) in enumerate(zip(live, removed, strict=True)):
        later -= size
        if size < ratio * later or dead > size:
            return number
    return None


def merged(
    segments: Sequence[tuple[Iterator[Postings], Places]], at_a_time: int = _RANGE
) -> Iterator[Postings]:
    """The postings of several segments as one, a range of words at a time.

    Args:
        segments: blocks of each, ascending, and where its documents go.
        at_a_time: how many postings are held in memory, about.
    """
    tails = [_Tail(blocks) for blocks, _ in segments]
    places = [place for _, place in segments]
    while any(tails):
        share = at_a_time // len(tails)
        for tail in tails:
            tail.fill(share)
        # All words up to the first that may go on in what was not read yet.
        ends = [tail.last for tail in tails if not tail.ended]
        parts = [tail.take(min(ends) if ends else None) for tail in tails]
        postings = _as_one(parts, places)
        if postings.words:
            yield postings


class _Tail:
    """The blocks of a segment that were not merged yet."""

    def __init__(self, blocks: Iterator[Postings]) -> None:
        self._blocks = blocks
        self._read: list[Postings] = []
        self.ended = False

    def __bool__(self) -> bool:
        return bool(self._read) or not self.ended

    @property
    def last(self) -> str:
        """The last word that was read; there is one if it has not ended."""
        return self._read[-1].words[-1]

    def fill(self, postings: int) -> None:
        """Reads on until so many postings are here."""
        held = sum(len(block.positions) for block in self._read)
        while not self.ended and (held < postings or not self._read):
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
            else:
                self._read.append(block)
                held += len(block.positions)

    def take(self, last: str | None) -> list[Postings]:
        """What was read up to the word `last`, or all."""
        if last is None:
            taken, self._read = self._read, []
            return taken
        taken = []
        while self._read and self._read[0].words[-1] <= last:
            taken.append(self._read.pop(0))
        if self._read and self._read[0].words[0] <= last:
            block = self._read[0]
            cut = sum(word <= last for word in block.words)
            taken.append(block.part(0, cut))
            self._read[0] = block.part(cut, len(block.words))
        return taken


def _as_one(parts: Sequence[Sequence[Postings]], places: Sequence[Places]) -> Postings:
    words = sorted({word for blocks in parts for block in blocks for word in block.words})
    numbers = {word: number for number, word in enumerate(words)}
    keys, positions, counts = [], [], []
    for blocks, place in zip(parts, places, strict=True):
        for block in blocks:
            known = np.fromiter(map(numbers.__getitem__, block.words), np.int64, len(block.words))
            moved = place[block.positions]
            kept = moved >= 0
            keys.append(np.repeat(known, block.sizes)[kept])
            positions.append(moved[kept].astype(np.uint32))
            counts.append(block.counts[kept])
    if not keys:
        return Postings(
            [], np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros((0, 4), np.uint8)
        )
    return collected(np.concatenate(keys), words, np.concatenate(positions), np.concatenate(counts))
