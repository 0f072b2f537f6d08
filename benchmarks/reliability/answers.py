"""What an index answers to a few questions, to be compared with what it answered when sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codeindex import Index
from codeindex.filters import Filter
from codeindex.host import Host
from codeindex.snippet import Snippet

TOP = 20
_TOLERANCE = 1e-4  # of a score

_FILTERS = (Filter(), Filter(kinds=("function",)), Filter(paths=("apple.py",)))


Answers = Sequence[Sequence[tuple[Snippet, float]]]
"""For each filter and question the snippets found, with their scores."""


def same(ours: Answers, theirs: Answers) -> bool:
    """Whether nobody would tell them apart."""
    return all(
        [snippet for snippet, _ in one] == [snippet for snippet, _ in two]
        and all(abs(a - b) <= _TOLERANCE for (_, a), (_, b) in zip(one, two, strict=True))
        for one, two in zip(ours, theirs, strict=True)
    )


def answers(folder: Path, host: Host, queries: Sequence[str]) -> Answers:
    """Asks the index in `folder`.

    Raises:
        CodeIndexError: it says that it is damaged.
    """
    with Index.open(index=folder, host=host) as index:
        return [
            [(result.snippet, result.score) for result in results]
            for where in _FILTERS
            for results in index.search_many(queries, TOP, where)
        ]
