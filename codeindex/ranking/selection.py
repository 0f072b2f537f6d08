"""Selection: the best, and not too many of one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from codeindex.ranking.scoring import Scored


def selected(ranked: Iterable[Scored], per_file: int) -> Iterator[Scored]:
    """In the same order, at most `per_file` of each file; 0 for no limit."""
    given: Counter[str] = Counter()
    for found in ranked:
        path = found.candidate.place.path
        if not per_file or given[path] < per_file:
            given[path] += 1
            yield found
