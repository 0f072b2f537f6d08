"""Postings: for each word the documents of a segment that hold it, and how often by field."""

from __future__ import annotations

import itertools
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from codeindex.lexical.weights import FIELDS

Positions = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.uint8]
Sizes = npt.NDArray[np.int64]

_HEADER = struct.Struct("<II")
_BLOCK_BYTES = 4096  # of blocks, but for words that have more: small, as each is read whole
_FIELDS = len(FIELDS)


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Words with their postings, one word after the other.

    Attributes:
        words: (w,) distinct, ascending.
        sizes: (w,) how many documents hold each, all above 0.
        positions: (sum of sizes,) of the documents in their segment, ascending within a word.
        counts: (sum of sizes, 4) how often the word stands in each field, 255 at most.
    """

    words: Sequence[str]
    sizes: Sizes
    positions: Positions
    counts: Counts

    def of(self, word: str) -> tuple[Positions, Counts] | None:
        """The postings of one word; None if it is not here."""
        place = bisect_left(self.words, word)
        if place == len(self.words) or self.words[place] != word:
            return None
        start = int(self.sizes[:place].sum())
        end = start + int(self.sizes[place])
        return self.positions[start:end], self.counts[start:end]

    def part(self, first: int, end: int) -> Self:
        """The words number `first` up to `end`."""
        start, stop = int(self.sizes[:first].sum()), int(self.sizes[:end].sum())
        return type(self)(
            self.words[first:end],
            self.sizes[first:end],
            self.positions[start:stop],
            self.counts[start:stop],
        )

    def blocks(self) -> Iterator[Self]:
        """Parts that are written, and read, as one; words follow each other across them."""
        if not self.words:
            return
        each = 2 * self.sizes.itemsize + (4 + _FIELDS) * self.sizes
        ends = np.cumsum(each)
        number = (ends - each) // _BLOCK_BYTES
        firsts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(self.words)]
        starts = np.concatenate(([0], np.cumsum(self.sizes)))
        for first, end in itertools.pairwise(firsts):
            start, stop = starts[first], starts[end]
            yield type(self)(
                self.words[first:end],
                self.sizes[first:end],
                self.positions[start:stop],
                self.counts[start:stop],
            )


def encode_postings(postings: Postings) -> bytes:
    """As the catalog keeps a block: numbers little-endian, then the words, a line each."""
    header = _HEADER.pack(len(postings.words), len(postings.positions))
    sizes = postings.sizes.astype("<u4").tobytes()
    positions = postings.positions.astype("<u4").tobytes()
    words = "\n".join(postings.words).encode()
    return b"".join((header, sizes, positions, postings.counts.tobytes(), words))


def decode_postings(data: bytes) -> Postings:
    """What `encode_postings` has written.

    Raises:
        ValueError, struct.error: it is no such thing.
    """
    words, total = _HEADER.unpack_from(data)
    at = _HEADER.size
    sizes = np.frombuffer(data, "<u4", words, at).astype(np.int64)
    positions = np.frombuffer(data, "<u4", total, at + 4 * words).astype(np.uint32, copy=False)
    counts = np.frombuffer(data, np.uint8, _FIELDS * total, at + 4 * (words + total))
    texts = data[at + 4 * words + (4 + _FIELDS) * total :].decode().split("\n")
    if len(texts) != words or int(sizes.sum()) != total:
        raise ValueError("a block of words contradicts itself")
    return Postings(texts, sizes, positions, counts.reshape(total, _FIELDS))


def collected(keys: Sizes, words: Sequence[str], positions: Positions, counts: Counts) -> Postings:
    """Postings of single occurrences in any order of words.

    Args:
        keys: (n,) numbers of words, in the order of `words`, which ascend.
        positions, counts: (n,) and (n, 4); positions of equal keys are to ascend.
    """
    sizes = np.bincount(keys, minlength=len(words))
    # Of numbers this small NumPy sorts by their digits, many times as fast.
    small = keys.astype(np.uint16) if len(words) <= np.iinfo(np.uint16).max else keys
    order = np.argsort(small, kind="stable")
    if len(words) and not sizes.all():
        present = np.flatnonzero(sizes)
        words, sizes = [words[number] for number in present.tolist()], sizes[present]
    return Postings(words, sizes.astype(np.int64), positions[order], counts[order])
