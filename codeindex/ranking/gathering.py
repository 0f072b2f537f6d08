"""Gathering: what both halves of the search find for a question, with the scores of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codeindex.filters import Filter
from codeindex.interfaces import Encoder, Hit
from codeindex.ranking.background import Background
from codeindex.ranking.corpus import Corpus
from codeindex.ranking.mode import Mode
from codeindex.ranking.query import Query, analysed, asked_words, rarity
from codeindex.ranking.scoring import Candidate

if TYPE_CHECKING:
    from codeindex.lexical.scores import LexicalScores


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for one question, in no order.

    Attributes:
        lexical: what its words give; None where they were not asked for.
        background: of the encoder; None where it was not asked.
        share: what the encoder says of itself, see `EncoderInfo.dense_share`.
        most: the bound of BM25F: what a snippet would get that says each word without end.
    """

    query: Query
    candidates: list[Candidate]
    lexical: LexicalScores | None
    background: Background | None
    share: float | None
    most: float


def gathered(
    texts: Sequence[str],
    corpus: Corpus,
    encoder: Callable[[], Encoder],
    mode: Mode,
    count: int,
    where: Filter,
) -> list[Found]:
    """For each question at most `count` candidates of each half, all of which satisfy `where`.

    Args:
        encoder: makes it; not called where only words are asked for.

    Raises:
        PluginError: the encoder or the backend failed.
    """
    nearest: list[list[Hit]] = [[] for _ in texts]
    background = share = None
    if mode is not Mode.LEXICAL:
        made = encoder()
        vectors = made.encode_queries(texts)
        told = np.any(
            vectors, axis=1
        ).tolist()  # of the others no token means anything to the encoder
        answers = corpus.nearest(vectors, count, where)
        nearest = [hits if any else [] for hits, any in zip(answers, told, strict=True)]
        background, share = corpus.background(made.info.dim), made.info.dense_share
    return [
        _of_one(text, hits, corpus, mode, count, where, background, share)
        for text, hits in zip(texts, nearest, strict=True)
    ]


def _of_one(
    text: str,
    hits: Sequence[Hit],
    corpus: Corpus,
    mode: Mode,
    count: int,
    where: Filter,
    background: Background | None,
    share: float | None,
) -> Found:
    words = asked_words(text)
    lexical = None if mode is Mode.DENSE else corpus.lexical(words)
    cosines: dict[int, float | None] = {hit.id: hit.score for hit in hits}
    weights: dict[str, float] = {}
    if lexical is not None:
        size = len(lexical.ids)
        held = {gain.word: len(gain.positions) for gain in lexical.gains}
        weights = {word: rarity(held.get(word, 0), size) for word in words}
        for id in lexical.top(count, where)[0].tolist():
            cosines.setdefault(id, None)
    ids = list(cosines)
    bm25 = lexical.of(ids).tolist() if lexical is not None else [0.0] * len(ids)
    places = corpus.places(ids)
    candidates = [
        Candidate(id, places[id], cosine, score)
        for (id, cosine), score in zip(cosines.items(), bm25, strict=True)
        if id in places  # else a writer has removed it meanwhile
    ]
    most = sum(weights.values())
    return Found(analysed(text, words, weights), candidates, lexical, background, share, most)
