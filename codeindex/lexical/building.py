"""Documents and postings of new snippets, from the words that their extraction has counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codeindex.lexical.counting import CountedWords
from codeindex.lexical.documents import Documents
from codeindex.lexical.postings import Postings, collected
from codeindex.lexical.weights import FIELDS


def documents_and_postings(
    ids: Sequence[int], rows: Sequence[CountedWords]
) -> tuple[Documents, Postings]:
    """A segment of snippets with these ids, which ascend."""
    lengths = np.frombuffer(b"".join(row[2] for row in rows), "<u2")
    counts = np.frombuffer(b"".join(row[1] for row in rows), np.uint8).reshape(-1, len(FIELDS))
    each = np.array([len(row[1]) for row in rows], dtype=np.int64) // len(FIELDS)
    numbers = _Numbers()
    found = " ".join(filter(None, (row[0] for row in rows))).split()
    keys = np.fromiter(map(numbers.__getitem__, found), dtype=np.int64, count=len(found))
    words = sorted(numbers)
    ranks = np.empty(len(words), dtype=np.int64)
    ranks[[numbers[word] for word in words]] = np.arange(len(words))
    positions = np.repeat(np.arange(len(rows), dtype=np.uint32), each)
    documents = Documents(
        np.array(ids, dtype=np.int64), lengths.astype(np.uint16).reshape(len(rows), len(FIELDS))
    )
    return documents, collected(ranks[keys], words, positions, counts)


class _Numbers(dict[str, int]):
    """Word → its number, in the order in which they are met."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number
