"""Nearest: the snippets of an index that are most like a subject, by its vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codeindex.errors import UsageError
from codeindex.filters import Filter
from codeindex.interfaces import Encoder
from codeindex.recipes import TextRecipe
from codeindex.resemblance import COPY, resemblance, shingles
from codeindex.similar.subject import Subject
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

if TYPE_CHECKING:
    from codeindex.ranking.corpus import Corpus

_FURTHER = 20
"""Asked for besides: parts of the subject that an index of unknown root has."""


@dataclass(frozen=True, slots=True)
class SimilarResult:
    """Something like the subject.

    Attributes:
        snippet: what was found.
        score: the cosine of its vector and the subject's.
        rank: 1 for the best.
        resemblance: how much of the text is the same, 0…1, see `codeindex.resemblance`; the most
            that it has in common with a snippet of the subject.
    """

    snippet: Snippet
    score: float
    rank: int
    resemblance: float

    @property
    def is_copy(self) -> bool:
        """Whether it is the same code, or nearly."""
        return self.resemblance >= COPY

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        snippet = self.snippet
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            "resemblance": round(self.resemblance, 4),
            "copy": self.is_copy,
            "path": snippet.path,
            "name": snippet.name,
            "kind": snippet.kind,
            "language": snippet.language,
            "start_line": snippet.start_line,
            "end_line": snippet.end_line,
            "docstring": snippet.docstring,
            "code": snippet.code,
            "extra": dict(snippet.extra),
        }


@dataclass(frozen=True, slots=True)
class Similar:
    """A subject and what is like it.

    Attributes:
        vector: the subject's, float32 (dim,), of length 1; 0 if no encoder knows a word of it.
    """

    subject: Subject
    vector: Embeddings
    results: tuple[SimilarResult, ...]


StoredVectors = Callable[[Sequence[int]], tuple[Sequence[int], Embeddings]]
"""Ids of snippets → those of them that have a vector, and the vectors (n, dim)."""


def subject_vector(
    subject: Subject,
    stored: StoredVectors | None,
    encoder: Callable[[], Encoder],
    recipe: TextRecipe,
) -> Embeddings:
    """float32 (dim,): the mean of the vectors of its snippets, of length 1.

    What the index has is not embedded again. The mean stands for a file as it does for the
    documents of a query by example (Rocchio, "Relevance feedback", 1971).
    """
    ids = [id for id in subject.ids if id is not None]
    rows: list[Embeddings] = []
    have: set[int] = set()
    if ids and stored is not None:
        present, vectors = stored(ids)
        have = set(present)
        rows.append(vectors)
    texts = [
        recipe.of(snippet)
        for snippet, id in zip(subject.snippets, subject.ids, strict=True)
        if id not in have
    ]
    if texts:
        rows.append(recipe.encode(encoder(), texts))
    mean: Embeddings = np.concatenate(rows).mean(axis=0, dtype=np.float64).astype(np.float32)
    length = float(np.linalg.norm(mean))
    return mean / np.float32(length) if length else mean


def nearest(
    subject: Subject, vector: Embeddings, corpus: Corpus, top_k: int, where: Filter
) -> Similar:
    """At most `top_k` snippets that are most like the subject, itself left out.

    Raises:
        UsageError: `top_k` < 1.
        PluginError: the backend failed.
    """
    if top_k < 1:
        raise UsageError(f"at least 1 result must be asked for (top-k), not {top_k}")
    if not vector.any():
        return Similar(subject, vector, ())
    count = top_k + subject.related + (0 if subject.rooted else _FURTHER)
    hits = corpus.nearest(vector[np.newaxis], count, where)[0]
    snippets = corpus.snippets([hit.id for hit in hits])
    others = [
        (snippets[hit.id], hit.score)
        for hit in hits
        if hit.id in snippets and not subject.holds(snippets[hit.id])
    ]
    return Similar(subject, vector, tuple(_results(subject, others[:top_k])))


def _results(subject: Subject, others: Sequence[tuple[Snippet, float]]) -> list[SimilarResult]:
    mine = [shingles(snippet.code) for snippet in subject.snippets]
    found = []
    for rank, (snippet, score) in enumerate(others, 1):
        theirs = shingles(snippet.code)
        same = max(resemblance(one, theirs) for one in mine)
        found.append(SimilarResult(snippet, score, rank, same))
    return found
