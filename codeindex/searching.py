"""A query → results: encode, ask the backend, look the snippets up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from codeindex.errors import UsageError
from codeindex.filters import Filter
from codeindex.interfaces import Encoder, Hit
from codeindex.snippet import Snippet

if TYPE_CHECKING:
    from codeindex.vectors import Embeddings

MAX_QUERY_CHARS = 20_000
"""More than any encoder reads; the rest of a longer query would be cut in silence."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One answer.

    Attributes:
        snippet: what was found.
        score: higher is better; the cosine of query and snippet.
        rank: 1 for the best.
        parts: what each part of the ranking gave.
    """

    snippet: Snippet
    score: float
    rank: int
    parts: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        snippet = self.snippet
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            "path": snippet.path,
            "name": snippet.name,
            "kind": snippet.kind,
            "language": snippet.language,
            "start_line": snippet.start_line,
            "end_line": snippet.end_line,
            "docstring": snippet.docstring,
            "code": snippet.code,
            "extra": dict(snippet.extra),
            "parts": dict(self.parts),
        }


class Nearest(Protocol):
    """Where the nearest vectors are looked for: a backend, or a store that is attached."""

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """As `IndexBackend.search`."""
        ...


class Snippets(Protocol):
    """Where snippets are looked up: the catalog, or a store that is attached."""

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """Snippets by id; an id that is not there is left out."""
        ...


def checked_query(query: str) -> str:
    """The query, without surrounding space.

    Raises:
        UsageError: it is empty, or longer than `MAX_QUERY_CHARS`.
    """
    text = query.strip()
    if not text:
        raise UsageError("the query is empty; say in words or code what to look for")
    if len(text) > MAX_QUERY_CHARS:
        raise UsageError(
            f"the query has {len(text):,} characters; at most {MAX_QUERY_CHARS:,} are read"
        )
    return text.encode("utf-8", "replace").decode()


def search(
    queries: Sequence[str],
    encoder: Encoder,
    backend: Nearest,
    catalog: Snippets,
    top_k: int,
    where: Filter,
) -> list[list[SearchResult]]:
    """The best snippets for each query.

    Raises:
        UsageError: an unusable query, or `top_k` < 1.
        PluginError: the encoder or the backend failed.
    """
    if top_k < 1:
        raise UsageError(f"at least 1 result must be asked for (top-k), not {top_k}")
    texts = [checked_query(query) for query in queries]
    vectors = encoder.encode_queries(texts)
    answers = backend.search(vectors, top_k, where)
    snippets = catalog.snippets(sorted({hit.id for hits in answers for hit in hits}))
    results: list[list[SearchResult]] = []
    for vector, hits in zip(vectors, answers, strict=True):
        if not vector.any():  # no token of the query means anything to the encoder
            results.append([])
            continue
        # An id without snippet was removed by a writer since the backend was opened.
        live = [(snippets[hit.id], hit.score) for hit in hits if hit.id in snippets]
        results.append(
            [
                SearchResult(snippet, score, rank, {"dense": score})
                for rank, (snippet, score) in enumerate(live, 1)
            ]
        )
    return results
