"""Reranking: the best of a search are scored once more, each read together with the query.

A cross-encoder sees both at once, and so tells apart what two vectors cannot (Nogueira and Cho,
"Passage re-ranking with BERT", 2019); it costs a pass of a model for each text, and so is asked
about the best few only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codeindex.errors import UsageError
from codeindex.guarded import GuardedReranker, checked_scores
from codeindex.interfaces import Reranker
from codeindex.ranking.fusion import normalised
from codeindex.ranking.scoring import Scored
from codeindex.texts import embedding_text

if TYPE_CHECKING:
    from codeindex.host import Host
    from codeindex.snippet import Snippet

DEPTH = 30
SHARE = 0.5
"""As much as all else together. No reranker comes with codeindex that it could be fitted for."""

PART = "reranker"

_DIGITS = 6
"""Scores that differ less are equal, as in `codeindex.ranking.scoring`."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """What scores the best of a search once more.

    Attributes:
        reranker: see `make_reranker`, or an object of your own.
        depth: how many of the best it is asked about.
        share: of its score in the new one, 0…1; the rest is the old one's.

    Raises:
        UsageError: a value that makes no sense.
    """

    reranker: Reranker
    depth: int = DEPTH
    share: float = SHARE

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise UsageError(f"rerank-depth is a number of results, at least 1, not {self.depth}")
        if not 0 <= self.share <= 1:
            raise UsageError(f"a reranker's share is from 0 to 1, not {self.share}")


def make_reranker(host: Host, name: str, values: Mapping[str, Any]) -> Reranker:
    """A reranker by name, whose scores are checked.

    Raises:
        NotFoundError, OptionError, PluginError: see `Host.make`.
    """
    offer = host.rerankers.get(name)
    return GuardedReranker(host.make(offer, "reranker", values, offer.spec.make), offer)


def reranking_by(reranker: Reranker | None, depth: int = DEPTH) -> Reranking | None:
    """By this reranker; None where there is none."""
    return None if reranker is None else Reranking(reranker, depth)


def reranked(
    query: str, ranked: Sequence[Scored], snippets: Mapping[int, Snippet], reranking: Reranking
) -> list[Scored]:
    """Candidates by their new scores, best first; equal ones keep their order.

    The reranker's scores of the best `Reranking.depth` are brought to 0…1, the least of them and
    the greatest. The new score is ``(1 - share) * old + share * its``, and so has the old one's
    scale. Whatever lies deeper gets nothing of the reranker, and stays below.

    Args:
        ranked: best first.
        snippets: by id, of the best at least; one that is not there is left out of the question.

    Raises:
        PluginError: the reranker failed, or gave other than a finite score for each.
        ValueError: the same of a reranker that no plugin offers.
    """
    asked = [one for one in ranked[: reranking.depth] if one.candidate.id in snippets]
    texts = [embedding_text(snippets[one.candidate.id]) for one in asked]
    scores = checked_scores(reranking.reranker.rerank(query, texts), len(texts)) if asked else []
    gains = dict(zip((one.candidate.id for one in asked), normalised(scores), strict=True))
    found = [_with(one, gains.get(one.candidate.id, 0.0), reranking.share) for one in ranked]
    return sorted(found, key=lambda one: -round(one.score, _DIGITS))


def _with(one: Scored, gain: float, share: float) -> Scored:
    parts = {name: (1 - share) * amount for name, amount in one.parts.items()}
    parts[PART] = share * gain
    kept = {name: amount for name, amount in parts.items() if amount}
    return Scored(one.candidate, sum(kept.values()), kept)
