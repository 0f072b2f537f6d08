"""A query → results: both halves are asked, what they found is ranked, the best are looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from codeindex.errors import UsageError
from codeindex.filters import Filter
from codeindex.interfaces import Encoder
from codeindex.ranking.confidence import Evidence, confidence
from codeindex.ranking.corpus import Corpus
from codeindex.ranking.gathering import Found, gathered
from codeindex.ranking.options import SearchOptions
from codeindex.ranking.scoring import Scored, scored
from codeindex.ranking.selection import selected
from codeindex.ranking.weights import Weights
from codeindex.reranking import Reranking, reranked
from codeindex.snippet import Snippet

MAX_QUERY_CHARS = 20_000
"""More than any encoder reads; the rest of a longer query would be cut in silence."""

_CANDIDATES = 100
"""Of each half. The weights were fitted with as many."""
_PER_RESULT = 3


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One answer.

    Attributes:
        snippet: what was found.
        score: higher is better; comparable within one answer only.
        rank: 1 for the best.
        parts: what the score is the sum of: ``dense``, ``lexical``, the signals of the
            ranking, see `codeindex.ranking.signals`, and ``reranker``, see
            `codeindex.reranking`; none is 0.
        confidence: that it is what was asked for, 0…1, whatever the encoder and the mode.
        cosine: of query and snippet; None if it is not among the nearest, or words only were
            asked for.
        words: stem of a word of the query → what it gives by BM25F; empty if vectors only were
            asked for.
        index: which index it is from, where several are searched; else empty.
    """

    snippet: Snippet
    score: float
    rank: int
    parts: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 0.0
    cosine: float | None = None
    words: Mapping[str, float] = field(default_factory=dict)
    index: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        snippet = self.snippet
        return {
            **({"index": self.index} if self.index else {}),
            "rank": self.rank,
            "score": round(self.score, 6),
            "confidence": round(self.confidence, 4),
            "path": snippet.path,
            "name": snippet.name,
            "kind": snippet.kind,
            "language": snippet.language,
            "start_line": snippet.start_line,
            "end_line": snippet.end_line,
            "docstring": snippet.docstring,
            "code": snippet.code,
            "extra": dict(snippet.extra),
            "parts": {name: round(amount, 6) for name, amount in self.parts.items()},
            "cosine": None if self.cosine is None else round(self.cosine, 6),
            "words": {word: round(amount, 4) for word, amount in self.words.items()},
        }


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
    encoder: Callable[[], Encoder],
    corpus: Corpus,
    top_k: int,
    where: Filter,
    options: SearchOptions,
) -> list[list[SearchResult]]:
    """The best snippets for each query.

    Args:
        encoder: makes it; not called where only words are asked for.

    Raises:
        UsageError: an unusable query, or `top_k` < 1.
        PluginError: the encoder, the backend or the reranker failed.
    """
    if top_k < 1:
        raise UsageError(f"at least 1 result must be asked for (top-k), not {top_k}")
    texts = [checked_query(query) for query in queries]
    count = max(_CANDIDATES, _PER_RESULT * top_k)
    found = gathered(texts, corpus, encoder, options.mode, count, where)
    best = [_best(one, corpus, top_k, options) for one in found]
    ids = {one.candidate.id for kept in best for one, _, _ in kept}
    snippets = corpus.snippets(sorted(ids))
    return [_results(kept, snippets) for kept in best]


_Best = tuple[Scored, float, Mapping[str, float]]
"""A candidate, its confidence, and what the words of the query give to it."""


def _best(found: Found, corpus: Corpus, top_k: int, options: SearchOptions) -> list[_Best]:
    """The best candidates that are likely enough."""
    mode = options.mode
    ranked = scored(
        found.query,
        found.candidates,
        mode,
        found.background,
        found.most,
        Weights() if found.share is None else Weights(dense=found.share),
    )
    if options.reranking is not None:
        ranked = iter(_reranked(found, list(ranked), corpus, options.reranking))
    kept = []
    for one in islice(selected(ranked, options.per_file), top_k):
        candidate = one.candidate
        words = found.lexical.parts(candidate.id) if found.lexical is not None else {}
        evidence = Evidence(found.query.share(frozenset(words)), one.score)
        kept.append((one, confidence(evidence, mode), words))
    return [one for one in kept if one[1] >= options.min_confidence]


def _reranked(
    found: Found, ranked: Sequence[Scored], corpus: Corpus, reranking: Reranking
) -> list[Scored]:
    ids = sorted(one.candidate.id for one in ranked[: reranking.depth])
    return reranked(found.query.text, ranked, corpus.snippets(ids), reranking)


def _results(best: Sequence[_Best], snippets: Mapping[int, Snippet]) -> list[SearchResult]:
    # An id without snippet was removed by a writer since the backend was opened.
    live = [one for one in best if one[0].candidate.id in snippets]
    return [
        SearchResult(
            snippets[one.candidate.id],
            one.score,
            rank,
            one.parts,
            sure,
            one.candidate.cosine,
            words,
        )
        for rank, (one, sure, words) in enumerate(live, 1)
    ]
