"""Together: what several queries find is added up as promised, by function, file and paper."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.filters import Filter
from codeindex.paper_facts import paper_of
from codeindex.ranking.options import SearchOptions
from codeindex.searching import SearchResult
from codeindex.snippet import Snippet
from codeindex.together import By, grouped, search_together

PAPER = {"paper_id": "1706.03762", "paper_title": "Attention  is\nall", "paper_abstract": "It is."}


def result(place, confidence, score=1.0, extra=None, index=""):
    path, name = place.split(":")
    snippet = Snippet(path, "python", "function", name, 1, 2, "x\ny", extra=extra or {})
    return SearchResult(snippet, score, 1, confidence=confidence, index=index)


def answer(sure, scores):
    """Of one query: places with their scores, the best of which is so sure; others are not."""
    best = max(scores.values(), default=0)
    return [
        result(place, sure if score == best else 0.01, score) for place, score in scores.items()
    ]


def test_a_function_that_more_sentences_find_comes_before_one_as_sure():
    answers = [answer(0.6, {"a.py:f": 1.2, "b.py:g": 1.2}), answer(0.4, {"b.py:g": 0.7}), []]
    first, second = grouped(answers, By.FUNCTION, 10)
    assert (first.title, second.title) == ("b.py:g", "a.py:f")
    assert first.score == pytest.approx((0.6 + 0.4) / 3)
    assert second.score == pytest.approx(0.6 / 3)
    assert [each.query for each in first.evidence] == [0, 1]
    assert [first.rank, second.rank] == [1, 2]
    assert len(first.results) == 1


def test_in_a_file_each_sentence_counts_with_its_best_function():
    answers = [answer(0.5, {"a.py:f": 0.4, "a.py:g": 1.0}), answer(0.4, {"a.py:f": 2.0})]
    (group,) = grouped(answers, By.FILE, 10)
    assert group.title == "a.py"
    assert group.score == pytest.approx((0.5 + 0.4) / 2)
    assert [(each.query, each.result.snippet.name) for each in group.evidence] == [
        (0, "g"),
        (1, "f"),
    ]
    assert [each.snippet.name for each in group.results] == ["g", "f"]
    assert group.confidence == 0.5


def test_a_sentence_that_nothing_answers_counts_little():
    answers = [answer(0.9, {"a.py:f": 1.0, "b.py:g": 0.8}), answer(0.02, {"c.py:h": 1.3})]
    assert [group.title for group in grouped(answers, By.FUNCTION, 10)] == [
        "a.py:f",
        "b.py:g",
        "c.py:h",
    ]


def test_scores_below_zero_weigh_nothing():
    answers = [answer(0.5, {"a.py:f": -0.1, "b.py:g": -0.3}), answer(0.5, {"b.py:g": 1.0})]
    first, second = grouped(answers, By.FUNCTION, 10)
    assert (first.title, second.title, second.score) == ("b.py:g", "a.py:f", 0)


def test_papers_are_groups_and_what_is_of_none_is_left_out():
    answers = [[result("a.py:f", 0.2, extra=PAPER), result("b.py:g", 0.9)]]
    (group,) = grouped(answers, By.PAPER, 10)
    assert group.title == "Attention is all (arXiv 1706.03762)"
    shown = json.loads(json.dumps(group.as_json(["It is."])))
    assert shown["paper"] == {"id": "1706.03762", "title": "Attention is all", "url": ""}
    assert shown["evidence"][0]["sentence"] == "It is."


def test_a_title_that_is_none_is_not_shown():
    snippet = result("a.py:f", 1, extra={"paper_id": "1", "paper_title": "arXiv Query: x"}).snippet
    assert paper_of(snippet).named() == "arXiv 1"
    assert paper_of(result("a.py:f", 1, extra={"paper_id": 7}).snippet) is None


def test_the_same_place_of_two_indexes_is_not_one():
    answers = [[result("a.py:f", 0.5, index="A"), result("a.py:f", 0.4, index="B")]]
    assert len(grouped(answers, By.FILE, 10)) == 2
    assert len(grouped(answers, By.FUNCTION, 10)) == 2


def test_at_most_so_many_of_a_file():
    scores = {f"a.py:f{n}": 0.9 - n / 100 for n in range(5)} | {"b.py:g": 0.1}
    answers = [answer(0.9, scores)]
    kept = grouped(answers, By.FUNCTION, 4, per_file=2)
    assert [group.title for group in kept] == ["a.py:f0", "a.py:f1", "b.py:g"]
    assert len(grouped(answers, By.FUNCTION, 4)) == 4


PLACES = st.sampled_from(["a.py:f", "a.py:g", "b.py:f", "c.py:h"])


@given(
    st.lists(
        st.tuples(
            st.floats(0.02, 1), st.dictionaries(PLACES, st.floats(0.01, 2), min_size=1, max_size=4)
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([By.FUNCTION, By.FILE]),
)
def test_scores_are_those_of_the_formula(found, by):
    groups = grouped([answer(sure, scores) for sure, scores in found], by, 100)

    def key(place):
        return place if by is By.FUNCTION else place.split(":")[0]

    expected = {}
    for name in {key(place) for _, scores in found for place in scores}:
        best = [
            sure
            * max((score for place, score in scores.items() if key(place) == name), default=0)
            / max(scores.values())
            for sure, scores in found
        ]
        expected[name] = sum(best) / len(best)
    assert {group.title: group.score for group in groups} == pytest.approx(expected)
    rounded = [round(group.score, 9) for group in groups]
    assert rounded == sorted(rounded, reverse=True)


class Recorder:
    """Answers every query with one function, and remembers how it was asked."""

    def __init__(self):
        self.batches = []

    def search_many(self, queries, top_k, where, options):
        self.batches.append((list(queries), top_k, options))
        return [[result("a.py:f", 0.5)] for _ in queries]


def test_sentences_are_asked_in_batches_and_deeply_enough():
    searched = Recorder()
    queries = [f"sentence number {n}" for n in range(150)]
    (group,) = search_together(searched, queries, 20, Filter(), SearchOptions(), By.FUNCTION)
    assert [sentence for batch, _, _ in searched.batches for sentence in batch] == queries
    assert max(len(batch) for batch, _, _ in searched.batches) <= 64
    assert {top_k for _, top_k, _ in searched.batches} == {60}
    assert {options.per_file for _, _, options in searched.batches} == {0}
    assert len(group.evidence) == 150
