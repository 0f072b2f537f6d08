"""Together: several queries that ask for one thing, such as the sentences of an abstract.

A result is worth what its best query gives it and what all of them give it on average, half
each. The best one alone: a long text is as near as its best passage (Dai and Callan, "Deeper
text understanding for IR with contextual neural language modeling", SIGIR 2019, MaxP; there the
document is long, here the query). All of them: what more of the queries find is likelier to be
meant (Fox and Shaw, "Combination of multiple searches", TREC-2, 1994, CombSUM). In a group, a
file or a paper, each query counts with the result that answers it best (Khattab and Zaharia,
"ColBERT", SIGIR 2020, MaxSim). What is added up are confidences: scores of two queries do not
compare.
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
        result: the best of the group for this query.
    """

    query: int
    result: SearchResult


@dataclass(frozen=True, slots=True)
class Group:
    """A function, a file or a paper, with all that speaks for it.

    Attributes:
        rank: 1 for the best.
        score: 0…1, see above.
        confidence: of its best result.
        title: the path of a file, what a paper is called, path and name of a function.
        evidence: a query each, the surest first; not empty.
        results: its best for any of the queries, each once, the surest first.
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
                    "confidence": round(each.result.confidence, 4),
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
    found: dict[tuple[str, ...], dict[int, list[SearchResult]]] = {}
    titles: dict[tuple[str, ...], str] = {}
    for number, answer in enumerate(answers):
        for result in answer:
            its = group_key(result.snippet, by)
            if its is not None:
                key = its if by is By.PAPER else (result.index, *its)
                found.setdefault(key, {}).setdefault(number, []).append(result)
                titles.setdefault(key, group_title(result.snippet, by))
    groups = [_group(titles[key], by, its, len(answers)) for key, its in found.items()]
    groups.sort(key=lambda group: (-round(group.score, 9), group.title))
    return _numbered(groups, by, top_k, per_file)


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


def _group(title: str, by: By, found: dict[int, list[SearchResult]], queries: int) -> Group:
    best = {
        number: max(results, key=lambda result: result.confidence)
        for number, results in found.items()
    }
    evidence = sorted(
        (Evidence(number, result) for number, result in best.items()),
        key=lambda each: (-each.result.confidence, each.query),
    )
    amounts = [each.result.confidence for each in evidence]
    return Group(
        rank=0,
        score=(max(amounts) + sum(amounts) / queries) / 2,
        confidence=max(amounts),
        title=title,
        evidence=tuple(evidence),
        results=_surest(found, 1 if by is By.FUNCTION else _PER_GROUP),
    )


def _surest(found: dict[int, list[SearchResult]], most: int) -> tuple[SearchResult, ...]:
    """The surest results of a group, each snippet once."""
    results = sorted(
        (result for results in found.values() for result in results),
        key=lambda result: -result.confidence,
    )
    once: dict[tuple[object, ...], SearchResult] = {}
    for result in results:
        snippet = result.snippet
        once.setdefault((result.index, snippet.path, snippet.name, snippet.start_line), result)
    return tuple(once.values())[:most]


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
