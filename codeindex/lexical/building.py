"""Documents and postings of new snippets, counted for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from codeindex.lexical.documents import Documents
from codeindex.lexical.postings import Postings
from codeindex.lexical.weights import FIELDS
from codeindex.words import Run, runs_in, words_of_runs

Fields = tuple[str, str, str, str]
"""Texts of a document, in the order of `FIELDS`."""

_FIELDS = len(FIELDS)
_MOST = np.iinfo(np.uint8).max
_LONGEST = np.iinfo(np.uint16).max


def documents_and_postings(
    ids: Sequence[int], rows: Iterable[Fields]
) -> tuple[Documents, Postings]:
    """A segment of snippets with these ids, which ascend.

    A place below is a field of a document: four times the document's position, and the field's.
    """
    numbers = _Numbers()
    found: list[Run] = []
    sizes = []
    for row in rows:
        for text in row:
            runs = runs_in(text)
            found += runs
            sizes.append(len(runs))
    run_of = np.fromiter(map(numbers.__getitem__, found), np.int64, len(found))
    words, starts, ranks = _words_of(numbers)
    each = np.diff(starts)[run_of]  # words of each run that was met
    places = np.repeat(np.arange(len(sizes)), sizes)
    first = np.repeat(starts[run_of] - np.cumsum(each) + each, each)
    keys = ranks[first + np.arange(len(first))] * len(sizes) + np.repeat(places, each)
    lengths = np.bincount(places, weights=each, minlength=len(sizes))
    documents = Documents(
        np.array(ids, dtype=np.int64),
        np.minimum(lengths, _LONGEST).astype(np.uint16).reshape(-1, _FIELDS),
    )
    return documents, _counted(keys, words, len(documents))


def _counted(keys: npt.NDArray[np.int64], words: Sequence[str], documents: int) -> Postings:
    """Postings of words at places, which a key names both: rank times places, and place."""
    if len(words) * documents * _FIELDS <= np.iinfo(np.uint32).max:
        keys = keys.astype(np.uint32)  # sorted in half the time
    keys, times = np.unique(keys, return_counts=True)
    keys = keys.astype(np.int64)
    pairs = keys // _FIELDS  # of a word and a document
    new = np.diff(pairs, prepend=-1) != 0
    counts = np.zeros((int(new.sum()), _FIELDS), dtype=np.uint8)
    counts[np.cumsum(new) - 1, keys % _FIELDS] = np.minimum(times, _MOST)
    ranks, positions = np.divmod(pairs[new], max(documents, 1))
    sizes = np.bincount(ranks, minlength=len(words))
    return Postings(words, sizes.astype(np.int64), positions.astype(np.uint32), counts)


def _words_of(
    runs: Iterable[Run],
) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct words of runs, ascending; where the words of each run start; their ranks."""
    split = words_of_runs(runs)
    ends = np.cumsum(np.fromiter(map(len, split), np.int64, len(split)))
    flat = list(chain.from_iterable(split))
    words = sorted(set(flat))
    rank_of = dict(zip(words, range(len(words)), strict=True))
    ranks = np.fromiter(map(rank_of.__getitem__, flat), np.int64, len(flat))
    return words, np.concatenate((np.zeros(1, dtype=np.int64), ends)), ranks


class _Numbers(dict[Run, int]):
    """Run → its number, in the order in which they are met."""

    def __missing__(self, run: Run) -> int:
        number = self[run] = len(self)
        return number
