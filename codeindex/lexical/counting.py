"""Counted words: the words of one document, as they go from extraction to the index.

Made in worker processes, tens of thousands of times: plain values, and no numpy.
"""

from __future__ import annotations

import struct
from collections import Counter

from codeindex.words import searchable_words

CountedWords = tuple[str, bytes, bytes]
"""Distinct words, joined by spaces; of each, how often it stands in every field of
`weights.FIELDS` (four uint8, 255 at most); and how many words each field has (four uint16,
65,535 at most, little-endian)."""

_MOST = 255
_LONGEST = 65_535


def count_words(code: str, docstring: str, path: str, name: str) -> CountedWords:
    """The words of a document, by its fields."""
    fields = [searchable_words(text) for text in (code, docstring, path, name)]
    counts: dict[str, int] = Counter(fields[0])
    if len(fields[0]) > _MOST:
        counts = Counter({word: min(number, _MOST) for word, number in counts.items()})
    for place, words in enumerate(fields[1:], start=1):
        unit = 1 << (8 * place)
        if len(words) <= _MOST:
            for word in words:
                counts[word] += unit
        else:
            for word, number in Counter(words).items():
                counts[word] += unit * min(number, _MOST)
    packed = struct.pack(f"<{len(counts)}I", *counts.values())
    lengths = struct.pack("<4H", *(min(len(words), _LONGEST) for words in fields))
    return " ".join(counts), packed, lengths
