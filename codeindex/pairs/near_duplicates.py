"""Near-duplicates of code, found by MinHash and locality-sensitive hashing, with numpy only.

Broder, "On the resemblance and containment of documents" (1997); that near-duplicates spoil
learning from code: Allamanis, "The adverse effects of code duplication" (2019).
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict

import numpy as np
import numpy.typing as npt

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SHINGLE = 5  # tokens
_BANDS, _ROWS = 12, 5  # two of similarity 0.8 share a band with a probability of 0.99
_COMMENT = re.compile(r"(?:^|(?<=\s))(?:#|//).*$", re.MULTILINE)

Signature = npt.NDArray[np.uint32]


class NearDuplicates:
    """Remembers code, and knows again what is nearly the same; some 2 kB for each that is kept.

    Deterministic: it depends on nothing but the texts and their order.
    """

    def __init__(self, similarity: float = 0.8) -> None:
        """Takes the share of common runs of tokens (Jaccard) from which on code is the same."""
        generator = np.random.Generator(np.random.PCG64(1))
        shape = (_BANDS * _ROWS, 1)
        self._factors = generator.integers(0, 2**63, shape, np.uint64) * np.uint64(2) + np.uint64(1)
        self._offsets = generator.integers(0, 2**63, shape, np.uint64)
        self._needed = similarity * _BANDS * _ROWS
        self._kept: list[Signature] = []
        self._buckets: defaultdict[bytes, list[int]] = defaultdict(list)

    def is_new(self, code: str) -> bool:
        """Whether nothing of the kind was met before; if so, it is remembered."""
        signature = self._signature(code)
        bands = signature.reshape(_BANDS, _ROWS)
        keys = [bytes([number]) + band.tobytes() for number, band in enumerate(bands)]
        near = sorted({place for key in keys for place in self._buckets.get(key, ())})
        if near:
            equal = (np.stack([self._kept[place] for place in near]) == signature).sum(axis=1)
            if equal.max() >= self._needed:
                return False
        for key in keys:
            self._buckets[key].append(len(self._kept))
        self._kept.append(signature)
        return True

    def _signature(self, code: str) -> Signature:
        """uint32 (bands × rows,): the least hash of the shingles under each permutation."""
        tokens = _TOKEN.findall(_COMMENT.sub("", code))
        numbers = np.array([zlib.crc32(token.encode()) for token in tokens], np.uint64)
        runs = max(len(numbers) - _SHINGLE + 1, 1)
        padded = np.concatenate([numbers, np.zeros(max(_SHINGLE - len(numbers), 0), np.uint64)])
        shingles = np.zeros(runs, np.uint64)
        for place in range(_SHINGLE):
            shingles = shingles * _PRIME + padded[place : place + runs]
        shingles = np.unique(shingles ^ (shingles >> np.uint64(29)))
        hashed = shingles * self._factors + self._offsets  # (permutations, shingles), modulo 2^64
        signature: Signature = (hashed >> np.uint64(32)).min(axis=1).astype(np.uint32)
        return signature


_PRIME = np.uint64(0x9E3779B97F4A7C15)
