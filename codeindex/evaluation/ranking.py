"""Asks an index every question: the answers of each, best first, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Level, Question

if TYPE_CHECKING:
    from codeindex.index import Index
    from codeindex.indexing import Progress

_AT_ONCE = 64  # questions
_SNIPPETS_A_FILE = 5  # asked for, for each file that is wanted


def ranked(
    index: Index,
    questions: Sequence[Question],
    places: Places,
    depth: int,
    progress: Progress | None = None,
) -> dict[str, list[str]]:
    """Question id → what was found, `depth` answers at most.

    A file stands where its best snippet does.

    Args:
        places: of the snippets of this index.
        progress: is told of (questions asked, all).
    """
    top_k = depth * (_SNIPPETS_A_FILE if places.level is Level.FILE else 1)
    found: dict[str, list[str]] = {}
    for start in range(0, len(questions), _AT_ONCE):
        some = questions[start : start + _AT_ONCE]
        answers = index.search_many([question.text for question in some], top_k)
        for question, results in zip(some, answers, strict=True):
            names = dict.fromkeys(places.of(result.snippet) for result in results)
            found[question.id] = list(names)[:depth]
        if progress is not None:
            progress(start + len(some), len(questions))
    return found
