"""BM25F: scores of documents from the postings of a query's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.filters import Filter
from codeindex.lexical.collection import Collection
from codeindex.lexical.postings import Counts
from codeindex.lexical.scores import LexicalScores, Mask, WordGain
from codeindex.lexical.weights import FieldWeights, inverse_document_frequency


@dataclass(frozen=True, slots=True, eq=False)
class WordPostings:
    """Postings of one word in all segments.

    Attributes:
        word: as it is indexed.
        weight: what its gain is multiplied with.
        positions: (n,) of the documents in their collection, removed ones among them.
        counts: (n, 4) how often it stands in each field.
    """

    word: str
    weight: float
    positions: npt.NDArray[np.intp]
    counts: Counts


def scored(
    collection: Collection,
    per_word: npt.NDArray[np.float32],
    fields: FieldWeights,
    found: Iterable[WordPostings],
    allowed: Callable[[Filter], Mask],
) -> LexicalScores:
    """See `FieldWeights` for the formula. Removed documents count nowhere.

    Args:
        per_word: (n, 4) of the collection by `fields`, see `Collection.per_word`.
        allowed: filter → (n,) which documents satisfy it.

    Raises:
        IndexError: a posting is of no document.
    """
    scores = np.zeros(len(collection.ids), dtype=np.float32)
    gains = []
    for item in found:
        gain = _gain(collection, per_word, fields.k1, item)
        if len(gain.positions):
            scores[gain.positions] += gain.gains
            gains.append(gain)
    return LexicalScores(collection.ids, scores, tuple(gains), allowed)


def _gain(
    collection: Collection, per_word: npt.NDArray[np.float32], k1: float, item: WordPostings
) -> WordGain:
    positions, counts = item.positions, item.counts
    if collection.live is not None:
        kept = collection.live[positions]
        positions, counts = positions[kept], counts[kept]
    by_field = per_word[positions]
    by_field *= counts
    # Added in this order whatever the machine: equal documents have equal scores.
    frequency = by_field[:, 0] + by_field[:, 1] + by_field[:, 2] + by_field[:, 3]
    idf = inverse_document_frequency(collection.size, len(positions))
    gains = frequency / (frequency + np.float32(k1))
    gains *= np.float32(idf * item.weight)
    return WordGain(item.word, positions, gains)
