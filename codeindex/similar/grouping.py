"""Grouping what is similar by file or by paper; of a paper, what it says that fits best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from codeindex.interfaces import Encoder
from codeindex.paper_facts import paper_of
from codeindex.paper_text import askable
from codeindex.similar.nearest import Similar, SimilarResult
from codeindex.together import By, group_key, group_title
from codeindex.vectors import Embeddings

_PER_GROUP = 3
FURTHER = 10
"""How many times as many snippets as groups are to be asked for."""


@dataclass(frozen=True, slots=True)
class SimilarGroup:
    """A file or a paper with code that is like the subject.

    Attributes:
        rank: 1 for the best.
        score: of its best result.
        title: the path of the file, or what the paper is called.
        results: its best, at most three.
        sentence: that of the paper's abstract which is nearest to the subject; empty if there is
            no abstract, or it is a file.
        sentence_score: the cosine of both, the sentence being the query.
    """

    rank: int
    score: float
    title: str
    results: tuple[SimilarResult, ...]
    sentence: str = ""
    sentence_score: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        paper = paper_of(self.results[0].snippet)
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            "title": self.title,
            "paper": paper.as_json() if paper is not None else None,
            "sentence": self.sentence,
            "sentence_score": round(self.sentence_score, 6),
            "results": [result.as_json() for result in self.results],
        }


def similar_groups(
    similar: Similar, by: By, top_k: int, encoder: Callable[[], Encoder]
) -> list[SimilarGroup]:
    """At most `top_k` groups, by their best results.

    Args:
        similar: with `FURTHER` times as many results.
        encoder: of the index; made where papers have abstracts to compare.
    """
    found: dict[tuple[str, ...], list[SimilarResult]] = {}
    for result in similar.results:
        key = group_key(result.snippet, by)
        if key is not None:
            found.setdefault(key, []).append(result)
    kept = list(found.values())[:top_k]
    said = _sentences(kept, similar.vector, encoder) if by is By.PAPER else [("", 0.0)] * len(kept)
    return [
        SimilarGroup(
            rank,
            results[0].score,
            group_title(results[0].snippet, by),
            tuple(results[:_PER_GROUP]),
            *sentence,
        )
        for rank, (results, sentence) in enumerate(zip(kept, said, strict=True), 1)
    ]


def _sentences(
    groups: Sequence[Sequence[SimilarResult]], vector: Embeddings, encoder: Callable[[], Encoder]
) -> list[tuple[str, float]]:
    """For each paper the sentence of its abstract that is nearest to `vector` (dim,)."""
    papers = [paper_of(results[0].snippet) for results in groups]
    texts = [askable(paper.abstract) if paper is not None else [] for paper in papers]
    asked = [sentence for several in texts for sentence in several]
    if not asked:
        return [("", 0.0)] * len(groups)
    cosines = (encoder().encode_queries(asked) @ vector).tolist()
    found: list[tuple[str, float]] = []
    start = 0
    for several in texts:
        scored = list(zip(several, cosines[start : start + len(several)], strict=True))
        found.append(max(scored, key=lambda item: item[1], default=("", 0.0)))
        start += len(several)
    return found
