"""LexicalScores: what the words of one query give to every document, best first or by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.filters import Filter

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class WordGain:
    """What one word gives.

    Attributes:
        word: as it is indexed.
        positions: (n,) of the documents that hold it, in `LexicalScores.ids`, ascending.
        gains: (n,) what it adds to the score of each, all above 0.
    """

    word: str
    positions: npt.NDArray[np.intp]
    gains: Scores


@dataclass(frozen=True, slots=True, eq=False)
class LexicalScores:
    """Scores of one query.

    Attributes:
        ids: (n,) ids of documents, ascending.
        scores: (n,) their scores; 0 where none of the words occurs.
        gains: of each word that some document holds.
        allowed: filter → (n,) whether each document satisfies it.
    """

    ids: Ids
    scores: Scores
    gains: tuple[WordGain, ...]
    allowed: Callable[[Filter], Mask]

    def top(self, k: int, where: Filter = Filter()) -> tuple[Ids, Scores]:  # noqa: B008
        """The best `k` documents that satisfy `where` and hold a word, ties by id.

        Returns:
            Ids and scores, best first; fewer than `k` where fewer documents hold a word.
        """
        scores = np.where(self.allowed(where), self.scores, 0) if where else self.scores
        found = _best(scores, k)
        order = np.lexsort((self.ids[found], -scores[found]))[:k]
        best = found[order]
        return self.ids[best], scores[best]

    def of(self, ids: Sequence[int] | Ids) -> Scores:
        """(n,) the scores of documents by id; 0 for those that hold no word, or are not there."""
        wanted = np.asarray(ids, dtype=np.int64)
        if not len(self.ids):
            return np.zeros(len(wanted), dtype=np.float32)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[places] == wanted, self.scores[places], np.float32(0))

    def parts(self, id: int) -> dict[str, float]:
        """Word → what it gives to the score of a document; words that it lacks are left out."""
        place = int(np.searchsorted(self.ids, id))
        if place == len(self.ids) or self.ids[place] != id:
            return {}
        told = {}
        for gain in self.gains:
            at = int(gain.positions.searchsorted(place))
            if at < len(gain.positions) and gain.positions[at] == place:
                told[gain.word] = float(gain.gains[at])
        return told


def _best(scores: Scores, k: int) -> npt.NDArray[np.intp]:
    """Positions of the `k` highest scores above 0, and of all that tie with the last of them."""
    found = np.flatnonzero(scores > 0)
    if k <= 0 or len(found) <= k:
        return found if k > 0 else found[:0]
    values = scores[found]
    least = np.partition(values, len(values) - k)[len(values) - k]
    best: npt.NDArray[np.intp] = found[values >= least]
    return best
