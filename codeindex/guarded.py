"""Providers as the host uses them: what plugins give is checked, what they do wrong is theirs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from codeindex.filters import Filter, Payload
from codeindex.interfaces import (
    Describes,
    Encoder,
    EncoderInfo,
    Hit,
    IndexBackend,
    Optimizes,
    Reranker,
    SelfContained,
)
from codeindex.offers import Offer, blamed
from codeindex.vectors import Embeddings, checked_embeddings


class GuardedEncoder:
    """An encoder whose vectors are checked before anything is done with them."""

    def __init__(self, inner: Encoder, offer: Offer[Any]) -> None:
        """Takes the encoder and where it comes from."""
        self.inner = inner
        self._offer = offer
        with blamed(offer, "encoder"):
            self._info = inner.info

    @property
    def info(self) -> EncoderInfo:
        """What it is."""
        return self._info

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim).

        Raises:
            PluginError: it failed, or gave something else.
        """
        with blamed(self._offer, "encoder"):
            return self._checked(self.inner.encode_queries(texts), len(texts))

    def encode_corpus(self, texts: Sequence[str]) -> Embeddings:
        """The same for texts that are searched."""
        with blamed(self._offer, "encoder"):
            return self._checked(self.inner.encode_corpus(texts), len(texts))

    def _checked(self, vectors: Any, rows: int) -> Embeddings:
        return checked_embeddings(vectors, dim=self._info.dim, rows=rows)


class GuardedReranker:
    """A reranker whose scores are checked before anything is done with them."""

    def __init__(self, inner: Reranker, offer: Offer[Any]) -> None:
        """Takes the reranker and where it comes from."""
        self._inner = inner
        self._offer = offer

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """A score for each text.

        Raises:
            PluginError: it failed, or gave something else.
        """
        with blamed(self._offer, "reranker"):
            return checked_scores(self._inner.rerank(query, texts), len(texts))


def checked_scores(scores: Sequence[float], count: int) -> list[float]:
    """The scores of `count` texts.

    Raises:
        ValueError: there are more or fewer, or one is not finite.
    """
    found = [float(score) for score in scores]
    if len(found) != count:
        raise ValueError(f"{len(found)} scores for {count} texts")
    if not all(map(math.isfinite, found)):
        raise ValueError("a score is not finite")
    return found


class GuardedBackend:
    """A backend whose answers have the promised form."""

    def __init__(self, inner: IndexBackend, offer: Offer[Any]) -> None:
        """Takes the backend and where it comes from."""
        self.inner = inner
        self._offer = offer

    def __len__(self) -> int:
        with blamed(self._offer, "backend"):
            return len(self.inner)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        with blamed(self._offer, "backend"):
            return self.inner.ids()

    def add(self, ids: Sequence[int], vectors: Embeddings, payloads: Sequence[Payload]) -> None:
        """Stores vectors (n, dim)."""
        with blamed(self._offer, "backend"):
            self.inner.add(ids, vectors, payloads)

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets these ids."""
        with blamed(self._offer, "backend"):
            self.inner.remove(ids)

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query at most `k` hits.

        Raises:
            PluginError: it failed, or gave another number of answers or too many hits.
        """
        with blamed(self._offer, "backend"):
            answers = self.inner.search(queries, k, where)
            if len(answers) != len(queries):
                raise ValueError(f"{len(answers)} answers to {len(queries)} queries")
            if any(len(hits) > k for hits in answers):
                raise ValueError(f"more than the {k} hits that were asked for")
            return answers

    def commit(self) -> Mapping[str, str]:
        """Makes all changes durable; file names and their SHA-256."""
        with blamed(self._offer, "backend"):
            return dict(self.inner.commit())

    def needs_optimizing(self) -> bool:
        """Whether `optimize` is worth its time; never for a backend that has no such thing."""
        with blamed(self._offer, "backend"):
            return isinstance(self.inner, Optimizes) and self.inner.needs_optimizing()

    def optimize(self) -> bool:
        """Makes searches faster, where the backend can; whether it can."""
        with blamed(self._offer, "backend"):
            if not isinstance(self.inner, Optimizes):
                return False
            self.inner.optimize()
            return True

    def facts(self) -> Mapping[str, Any]:
        """How the backend keeps its vectors, if it says so."""
        with blamed(self._offer, "backend"):
            return dict(self.inner.facts()) if isinstance(self.inner, Describes) else {}

    def describe(self, manifest: Mapping[str, Any]) -> None:
        """Tells a self-contained backend what the index is.

        Raises:
            UsageError: what its options name belongs to another index.
        """
        with blamed(self._offer, "backend"):
            if isinstance(self.inner, SelfContained):
                self.inner.describe(manifest)

    def close(self) -> None:
        """Frees what is held."""
        with blamed(self._offer, "backend"):
            self.inner.close()
