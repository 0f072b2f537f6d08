"""RerankerContract: one finite score a text, whatever stands beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from codeindex.interfaces import Reranker
from codeindex.testing.contract import Contract, undecided

QUERY = "parse a date from text"
SAMPLES = (
    "def parse_date(text):\n    return datetime.strptime(text, FORMAT)",
    "Open a TCP socket and listen on a port.",
    "parse a date from text",
    "compress the file with gzip",
    "class Retry:\n    def wait(self, attempt):\n        return 2 ** attempt",
    "x",
)


class RerankerContract(Contract):
    """What the host relies on in a reranker.

    Attributes:
        query: what is asked.
        texts: what is scored: distinct texts that the reranker can tell apart for `query`.
        tolerance: how far a score may be off when a text is scored again or in other company,
            as a share of how far the scores of `texts` lie apart.
    """

    kind = "reranker"
    query: ClassVar[str] = QUERY
    texts: ClassVar[Sequence[str]] = SAMPLES
    tolerance: ClassVar[float] = 1e-3

    def test_each_text_has_one_finite_score(self) -> None:
        """As many scores as texts come back, and each is a finite number."""
        for size in (1, 2, len(self.texts)):
            self._scored(self.reranker(), self.query, self.texts[:size])

    def test_scores_tell_texts_apart(self) -> None:
        """Not all texts are equally good an answer."""
        scores = self._scored(self.reranker(), self.query, self.texts)
        assert max(scores) > min(scores), f"every text has the score {scores[0]:g}"

    def test_scores_depend_on_the_query(self) -> None:
        """Another query gives other scores."""
        reranker = self.reranker()
        mine = self._scored(reranker, self.query, self.texts)
        others = self._scored(reranker, self.texts[1], self.texts)
        assert any(not math.isclose(a, b, rel_tol=1e-6) for a, b in zip(mine, others, strict=True))

    def test_scores_are_in_the_order_of_the_texts(self) -> None:
        """The n-th score is that of the n-th text, also among texts of other lengths."""
        texts, reranker = _of_many_lengths(self.texts), self.reranker()
        straight = self._scored(reranker, self.query, texts)
        order = np.random.default_rng(0).permutation(len(texts)).tolist()
        shuffled = self._scored(reranker, self.query, [texts[place] for place in order])
        self._assert_close(
            reranker, shuffled, [straight[place] for place in order], "in another order"
        )

    def test_company_does_not_matter(self) -> None:
        """A text's score is the same alone, among few and beside a very long text."""
        texts, reranker = _of_many_lengths(self.texts), self.reranker()
        together = self._scored(reranker, self.query, texts)
        for size in (1, 3):
            parts = [
                score
                for at in range(0, len(texts), size)
                for score in self._scored(reranker, self.query, texts[at : at + size])
            ]
            self._assert_close(reranker, parts, together, f"{size} at a time")
        beside = self._scored(reranker, self.query, [texts[0], "long " * 5000])
        self._assert_close(reranker, beside[:1], together[:1], "beside a long text")

    def test_the_same_text_gives_the_same_score(self) -> None:
        """Scoring again, twice at once and with a new instance gives the same scores."""
        reranker = self.reranker()
        scores = self._scored(reranker, self.query, self.texts)
        again = self._scored(reranker, self.query, [*self.texts, *self.texts])
        self._assert_close(reranker, again, scores + scores, "again")
        anew = self._scored(self.reranker(), self.query, self.texts)
        self._assert_close(reranker, anew, scores, "by a new instance")

    def test_no_texts_give_no_scores(self) -> None:
        """An empty list of texts gives an empty list."""
        assert len(self.reranker().rerank(self.query, [])) == 0, "there are scores of nothing"

    def test_texts_of_any_kind_are_taken(self) -> None:
        """Empty, very long and odd texts, and other scripts, get scores and change no other."""
        reranker = self.reranker()
        alone = self._scored(reranker, self.query, self.texts[:1])
        scores = self._scored(reranker, self.query, [*_ODD, self.texts[0]])
        self._assert_close(reranker, scores[-1:], alone, "after odd texts")

    def test_queries_of_any_kind_are_taken(self) -> None:
        """Queries that are very long, odd or in other scripts give finite scores."""
        reranker = self.reranker()
        for query in _ODD:
            self._scored(reranker, query, self.texts)

    def test_the_list_of_texts_is_left_untouched(self) -> None:
        """The caller's list is not changed."""
        texts = list(self.texts)
        self.reranker().rerank(self.query, texts)
        assert texts == list(self.texts), "it changed the list it was given"

    # -- helpers -----------------------------------------------------------------------------

    def reranker(self) -> Reranker:
        """The reranker under test."""
        from codeindex.errors import CodeIndexError

        try:
            reranker: Reranker = self.build(self.offer().spec.make)
        except CodeIndexError as error:
            if not self.options and "-R " in str(error):
                undecided(
                    f"it needs options ({error}); give them as `options`, or -O NAME.KEY=VALUE"
                )
            raise
        return reranker

    def _scored(self, reranker: Reranker, query: str, texts: Sequence[str]) -> list[float]:
        scores: Sequence[Any] = reranker.rerank(query, list(texts))
        assert len(scores) == len(texts), f"{len(scores)} scores for {len(texts)} texts"
        found = [float(score) for score in scores]
        wrong = [score for score in found if not math.isfinite(score)]
        assert not wrong, f"a score is {wrong[0]}"
        return found

    def _assert_close(
        self, reranker: Reranker, given: Sequence[float], expected: Sequence[float], what: str
    ) -> None:
        scores = self._scored(reranker, self.query, self.texts)
        apart = max(scores) - min(scores)
        furthest = max(abs(a - b) for a, b in zip(given, expected, strict=True))
        assert furthest <= self.tolerance * apart, f"{what}: a score is off by {furthest:.2g}"


_ODD = (
    "",
    " \n\t ",
    "()[]{};:,.",
    "word " * 20_000,
    "x" * 50_000,
    "größe → 漢字 🙂 العربية",
    "разобрать дату из текста",
    "a\0b\x07c",
    "\u200b\ufeff",
)


def _of_many_lengths(texts: Sequence[str]) -> list[str]:
    """The texts, repeated to lengths that any batching by length would part."""
    return [" ".join([text] * times) for times in (1, 7, 2, 19) for text in texts]
