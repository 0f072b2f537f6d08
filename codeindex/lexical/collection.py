"""Collection: all documents of an index together, as BM25F sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.lexical.documents import Documents, Lengths, kept
from codeindex.lexical.scores import Ids, Mask
from codeindex.lexical.weights import FIELDS, FieldWeights


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Documents of several segments, one after the other.

    Attributes:
        ids: (n,) of the snippets, ascending.
        lengths: (n, 4) words in each field.
        live: (n,) which were not removed; None if none was.
        size: how many were not removed.
    """

    ids: Ids
    lengths: Lengths
    live: Mask | None
    size: int

    def average_lengths(self) -> npt.NDArray[np.float64]:
        """(4,) of the fields of live documents; 1 for a field that is empty everywhere."""
        lengths = self.lengths if self.live is None else self.lengths[self.live]
        totals = lengths.sum(axis=0, dtype=np.int64)
        return np.where(totals > 0, totals / max(self.size, 1), 1.0)

    def per_word(self, fields: FieldWeights) -> npt.NDArray[np.float32]:
        """(n, 4) what one word in each field of a document counts, by its length there."""
        weights = np.array(fields.weights(), dtype=np.float32)
        b = np.array(fields.length_effects(), dtype=np.float32)
        effects = (b / self.average_lengths()).astype(np.float32)
        relative: npt.NDArray[np.float32] = self.lengths * effects
        relative += np.float32(1) - b
        # Of a field without words nothing is ever counted; it is only not to divide by 0.
        np.maximum(relative, np.finfo(np.float32).tiny, out=relative)
        np.divide(weights, relative, out=relative)
        return relative


def collection_of(parts: Sequence[tuple[Documents, npt.NDArray[np.int64]]]) -> Collection:
    """Of segments in the order of their ids, each with the positions of removed documents.

    Raises:
        ValueError: the ids of the segments overlap.
    """
    if not parts:
        return Collection(np.zeros(0, np.int64), np.zeros((0, len(FIELDS)), np.uint16), None, 0)
    ids = np.concatenate([documents.ids for documents, _ in parts])
    if not (np.diff(ids) > 0).all():
        raise ValueError("the ids of segments overlap")
    lengths = np.concatenate([documents.lengths for documents, _ in parts])
    gone = sum(len(removed) for _, removed in parts)
    live = np.concatenate([kept(*part) for part in parts]) if gone else None
    return Collection(ids, lengths, live, len(ids) - gone)
