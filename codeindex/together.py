"""Together: several queries that ask for one thing, such as the sentences of an abstract.

A query gives each of its results a weight: how sure the best of them is, by its confidence, and
how far the score of each is below that of the best. So a sentence that nothing answers counts
little, and what comes second to a good answer much; scores of two queries do not compare.

What is found is worth the mean of what all queries give it (Fox and Shaw, "Combination of
multiple searches", TREC-2, 1994, CombSUM): the more of them it answers, the likelier it is meant.
In a group, a file or a paper, each query counts with the result that answers it best (Khattab and
Zaharia, "ColBERT", SIGIR 2020, MaxSim).
To let the best query alone decide, as a long document is as good as its best passage (Dai and
Callan, SIGIR 2019, MaxP), found the function of a docstring of several sentences less well, by
0.10 of MRR: ``python -m benchmarks run paper``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from codeindex.filters import Filter
from codeindex.paper_facts import paper_of
from codeindex.snippet import Snippet

if TYPE_CHECKING:
    from codeindex.ranking.options import SearchOptions
    from codeindex.searching import SearchResult

_BATCH = 64  # queries
_FEWEST = 30  # results of each query: what is fifth for all of them may be first for all together
_PER_GROUP = 3


class By(StrEnum):
    """What is found."""

    FUNCTION = "function"
    """Snippets, each on its own."""
    FILE = "file"
    PAPER = "paper"
    """In an index of papers' code."""


class Searches(Protocol):
    """What can be searched: an index, an attached store, several of them."""

    def search_many(
        self, queries: Sequence[str], top_k: int, where: Filter, options: SearchOptions
    ) -> list[list[SearchResult]]:
        """One list of results for each query."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """That a query has found something.

    Attributes:
        query: its number, from 0.
        weight: that it gives to the result, 0…1, see above.
        result: the best of the group for this query.
    """

    query: int
    weight: float
    result: SearchResult


@dataclass(frozen=True, slots=True)
class Group:
    """A function, a file or a paper, with all that speaks for it.

    Attributes:
        rank: 1 for the best.
        score: 0…1, see above.
        confidence: of its best result.
        title: the path of a file, what a paper is called, path and name of a function.
        evidence: a query each, the weightiest first; not empty.
        results: its best for any of the queries, each once, the weightiest first.
    """

    rank: int
    score: float
    confidence: float
    title: str
    evidence: tuple[Evidence, ...]
    results: tuple[SearchResult, ...]

    def as_json(self, queries: Sequence[str]) -> dict[str, Any]:
        """All of it as JSON values; `queries` are those that were asked."""
        paper = paper_of(self.results[0].snippet)
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            "confidence": round(self.confidence, 4),
            "title": self.title,
            "paper": paper.as_json() if paper is not None else None,
            "evidence": [
                {
                    "sentence": queries[each.query],
                    "number": each.query + 1,
                    "weight": round(each.weight, 4),
                    "path": each.result.snippet.path,
                    "name": each.result.snippet.name,
                }
                for each in self.evidence
            ],
            "results": [result.as_json() for result in self.results],
        }


def search_together(
    searched: Searches,
    queries: Sequence[str],
    top_k: int,
    where: Filter,
    options: SearchOptions,
    by: By,
) -> list[Group]:
    """The best functions, files or papers for all queries together.

    Args:
        options: ``per_file`` is about functions; ``min_confidence`` about each piece of evidence.

    Raises:
        UsageError: an unusable query, `top_k` < 1.
    """
    from dataclasses import replace

    per_file = 0 if by is By.FUNCTION else options.per_file
    each = replace(options, per_file=per_file)
    count = max(_FEWEST, 3 * top_k)
    answers: list[list[SearchResult]] = []
    for start in range(0, len(queries), _BATCH):
        answers += searched.search_many(queries[start : start + _BATCH], count, where, each)
    return grouped(answers, by, top_k, options.per_file)


def grouped(
    answers: Sequence[Sequence[SearchResult]], by: By, top_k: int, per_file: int = 0
) -> list[Group]:
    """The results of several queries as groups, best first; equal ones by title.

    Args:
        answers: one for each query.
        per_file: most functions of one file, 0 for no limit.
    """
    found: dict[tuple[str, ...], list[Evidence]] = {}
    for number, answer in enumerate(answers):
        for evidence in _weighed(number, answer):
            its = group_key(evidence.result.snippet, by)
            if its is not None:
                key = its if by is By.PAPER else (evidence.result.index, *its)
                found.setdefault(key, []).append(evidence)
    groups = [_group(its, by, len(answers)) for its in found.values()]
    groups.sort(key=lambda group: (-round(group.score, 9), group.title))
    return _numbered(groups, by, top_k, per_file)


def _weighed(query: int, answer: Sequence[SearchResult]) -> list[Evidence]:
    """The results of one query, with their weights."""
    sure = max((result.confidence for result in answer), default=0.0)
    best = max((result.score for result in answer), default=0.0)
    shares = [max(0.0, result.score / best) if best > 0 else 0.0 for result in answer]
    return [
        Evidence(query, sure * share, result) for share, result in zip(shares, answer, strict=True)
    ]


def group_key(snippet: Snippet, by: By) -> tuple[str, ...] | None:
    """What tells its group from others; None if it is in none."""
    if by is By.PAPER:
        paper = paper_of(snippet)
        return (paper.key,) if paper is not None else None
    if by is By.FILE:
        return (snippet.path,)
    place = (str(snippet.start_line), str(snippet.end_line))
    return (snippet.path, snippet.kind, snippet.name, *place)


def group_title(snippet: Snippet, by: By) -> str:
    """What people call its group."""
    paper = paper_of(snippet)
    if by is By.PAPER and paper is not None:
        return paper.named()
    return snippet.path if by is By.FILE else f"{snippet.path}:{snippet.name}"


def _group(found: Sequence[Evidence], by: By, queries: int) -> Group:
    ordered = sorted(found, key=lambda each: (-each.weight, each.query))
    best: dict[int, Evidence] = {}
    once: dict[tuple[object, ...], SearchResult] = {}
    for evidence in ordered:
        best.setdefault(evidence.query, evidence)
        snippet, index = evidence.result.snippet, evidence.result.index
        once.setdefault((index, snippet.path, snippet.name, snippet.start_line), evidence.result)
    weights = [evidence.weight for evidence in best.values()]
    return Group(
        rank=0,
        score=sum(weights) / queries,
        confidence=max(evidence.result.confidence for evidence in found),
        title=group_title(ordered[0].result.snippet, by),
        evidence=tuple(best.values()),
        results=tuple(once.values())[: 1 if by is By.FUNCTION else _PER_GROUP],
    )


def _numbered(groups: Sequence[Group], by: By, top_k: int, per_file: int) -> list[Group]:
    """The first `top_k`, at most `per_file` functions of a file among them."""
    from collections import Counter
    from dataclasses import replace

    given: Counter[tuple[str, str]] = Counter()
    kept: list[Group] = []
    for group in groups:
        file = group.results[0].index, group.results[0].snippet.path
        if by is By.FUNCTION and per_file and given[file] >= per_file:
            continue
        given[file] += 1
        kept.append(replace(group, rank=len(kept) + 1))
        if len(kept) == top_k:
            break
    return kept
