"""Asks an index every question: the answers of each, best first, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Level, Question
from codeindex.ranking.options import SearchOptions

if TYPE_CHECKING:
    from codeindex.index import Index
    from codeindex.indexing import Progress

_AT_ONCE = 64  # questions
_MORE = 3  # times as much is asked for where several snippets are one answer


def ranked(
    index: Index,
    questions: Sequence[Question],
    places: Places,
    depth: int,
    search: SearchOptions,
    progress: Progress | None = None,
) -> dict[str, list[str]]:
    """Question id → what was found, `depth` answers at most.

    At level ``file``, `search` is to ask for one snippet a file: its best stands for it.

    Args:
        places: of the snippets of this index.
        search: mode, and how many answers one file may give.
        progress: is told of (questions asked, all).
    """
    top_k = depth * (_MORE if places.level is Level.FILE else 1)
    found: dict[str, list[str]] = {}
    for start in range(0, len(questions), _AT_ONCE):
        some = questions[start : start + _AT_ONCE]
        answers = index.search_many([one.text for one in some], top_k, options=search)
        for question, results in zip(some, answers, strict=True):
            names = dict.fromkeys(places.of(result.snippet) for result in results)
            found[question.id] = list(names)[:depth]
        if progress is not None:
            progress(start + len(some), len(questions))
    return found
