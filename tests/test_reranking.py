"""A reranker's part of a search: who is asked, how its scores count, and whose fault is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import ToyPlugin

from codeindex import Index, search_indexes
from codeindex.errors import NotFoundError, OptionError, PluginError, UsageError
from codeindex.filters import Filter
from codeindex.hookimpl import hookimpl
from codeindex.host import Host
from codeindex.ranking.mode import mode_named
from codeindex.ranking.options import SearchOptions
from codeindex.ranking.place import place_of
from codeindex.ranking.scoring import Candidate, Scored
from codeindex.reranking import Reranking, make_reranker, reranked
from codeindex.snippet import Snippet
from codeindex.specs import RerankerSpec


class Sees:
    """Scores a text by where a word stands in it; remembers what it was asked."""

    def __init__(self, word: str = "teeth") -> None:
        self.word, self.asked = word, []

    def rerank(self, query, texts):
        self.asked.append((query, list(texts)))
        return [float(self.word in text) for text in texts]


@dataclass(frozen=True)
class Options:
    word: str = field(default="teeth", metadata={"help": "What it likes."})


class Plugin:
    """Offers `sees`, and `made` of whatever a test gives."""

    def __init__(self, made=Sees):
        self.made = made

    @hookimpl
    def codeindex_rerankers(self):
        return [
            RerankerSpec(
                name="sees",
                summary="A word.",
                options=Options,
                make=lambda options: Sees(options.word),
            ),
            RerankerSpec(name="made", summary="Any.", make=lambda options: self.made()),
        ]


def host_with(made=Sees):
    host = Host()
    host.register(ToyPlugin(), "toys", "toy-distribution")
    host.register(Plugin(made), "sees", "sight")
    assert not host.broken
    return host


@pytest.fixture
def index(tree):
    with Index.open(tree, create=True, host=host_with()) as index:
        index.update()
        yield index


def names(results):
    return [result.snippet.name for result in results]


def test_none_is_asked_unless_one_is_named(index):
    results = index.search("heavy iron")
    assert names(results)[0] == "hammer"
    assert all("reranker" not in result.parts for result in results)


def test_its_scores_become_a_part_of_the_result(index):
    plain = {result.snippet.name: result for result in index.search("heavy iron")}
    reranker = make_reranker(index.host, "sees", {"word": "teeth"})
    results = index.search("heavy iron", reranker=reranker)
    found = {result.snippet.name: result for result in results}
    assert found["saw"].parts["reranker"] == 0.5
    assert "reranker" not in found["hammer"].parts
    for name, result in found.items():
        assert result.score == pytest.approx(sum(result.parts.values()))
        gain = result.parts.get("reranker", 0.0)
        assert result.score == pytest.approx(plain[name].score / 2 + gain)
        assert result.as_json()["parts"].get("reranker", 0.0) == gain
    assert [result.rank for result in results] == [1, 2, 3, 4]
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_the_whole_share_gives_its_order_in_every_mode(index, mode):
    class Backwards:
        def rerank(self, query, texts):
            return range(len(texts))

    plain = index.search("red iron long teeth", mode=mode)
    options = SearchOptions(mode_named(mode), reranking=Reranking(Backwards(), share=1.0))
    (results,) = index.search_many(["red iron long teeth"], 10, Filter(), options)
    assert names(results) == names(plain)[::-1]


def test_it_is_asked_about_the_best_only_with_the_texts_that_were_embedded(index):
    plain = names(index.search("heavy iron"))
    reranker = Sees()
    results = index.search("  heavy iron ", reranker=reranker, rerank_depth=2)
    ((query, texts),) = reranker.asked
    assert query == "heavy iron"
    assert [text.split("\n")[1].split()[0] for text in texts] == plain[:2]
    assert set(names(results)[:2]) == set(plain[:2])
    assert names(results)[2:] == plain[2:]


def test_each_of_several_queries_is_asked_for_itself(index):
    reranker = Sees()
    options = SearchOptions(reranking=Reranking(reranker, depth=1))
    index.search_many(["iron", "teeth"], 1, Filter(), options)
    assert [query for query, _ in reranker.asked] == ["iron", "teeth"]


def test_where_nothing_is_found_it_is_not_asked(index):
    reranker = Sees()
    assert index.search("iron", languages="cobol", reranker=reranker) == []
    assert reranker.asked == []


def test_the_best_of_each_of_several_indexes_are_scored(index, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "more.txt").write_text("drill iron fast\n")
    with Index.open(tmp_path / "other", create=True, host=index.host) as other:
        other.update()
    reranker = Sees("drill")
    places = [index.root, tmp_path / "other"]
    found = search_indexes(places, "iron", reranker=reranker, rerank_depth=2, host=index.host)
    assert [len(texts) for _, texts in reranker.asked] == [2, 1]
    assert found.problems == ()
    assert {r.snippet.name: r.parts.get("reranker", 0) for r in found.results}["drill"] == 0.5


class Fails:
    def rerank(self, query, texts):
        raise RuntimeError("no luck")


class TooFew:
    def rerank(self, query, texts):
        return [0.0]


class NotFinite:
    def rerank(self, query, texts):
        return [math.nan for _ in texts]


class NoNumbers:
    def rerank(self, query, texts):
        return ["good" for _ in texts]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fails, "RuntimeError: no luck"),
        (TooFew, "1 scores for 4 texts"),
        (NotFinite, "a score is not finite"),
        (NoNumbers, "could not convert"),
    ],
)
def test_what_it_does_wrong_is_told_under_its_name(tree, fault, said):
    with Index.open(tree, create=True, host=host_with(fault)) as index:
        index.update()
        reranker = make_reranker(index.host, "made", {})
        with pytest.raises(PluginError) as caught:
            index.search("iron", reranker=reranker)
        assert str(caught.value).startswith("reranker 'made' (plugin 'sees' of sight) failed: ")
        assert said in str(caught.value)
        if fault is not Fails:
            with pytest.raises(ValueError, match=said):
                index.search("iron", reranker=fault())


def test_what_cannot_be_made_is_told():
    host = host_with()
    with pytest.raises(NotFoundError, match="no reranker 'best'; installed: made, sees"):
        make_reranker(host, "best", {})
    with pytest.raises(OptionError, match="reranker 'sees' has no option 'size'"):
        make_reranker(host, "sees", {"size": "1"})
    for wrong in ({"depth": 0}, {"share": 1.1}, {"share": -0.1}):
        with pytest.raises(UsageError):
            Reranking(Sees(), **wrong)


class Fixed:
    def __init__(self, scores):
        self.scores = scores

    def rerank(self, query, texts):
        return [self.scores[int(text.split("\n")[-1])] for text in texts]


@given(
    st.lists(st.tuples(st.floats(-1, 2), st.floats(-20, 20)), min_size=1, max_size=12),
    st.integers(1, 14),
    st.floats(0, 1),
)
def test_what_lies_deeper_stays_below_and_the_share_decides(pairs, depth, share):
    ranked = sorted(
        (
            Scored(Candidate(id, place_of("a.py", "function", "f"), None, 0.0), old, {"dense": old})
            for id, (old, _) in enumerate(pairs)
        ),
        key=lambda one: -one.score,
    )
    snippets = {id: Snippet("a.py", "python", "function", "f", 1, 1, str(id)) for id in range(12)}
    scores = [new for _, new in pairs]
    found = reranked("q", ranked, snippets, Reranking(Fixed(scores), depth, share))
    asked = [one.candidate.id for one in ranked[:depth]]
    assert {one.candidate.id for one in found[: len(asked)]} == set(asked)
    least, most = min(scores[id] for id in asked), max(scores[id] for id in asked)
    for one in found:
        id = one.candidate.id
        gain = (scores[id] - least) / (most - least) if most > least else 1.0
        gain = gain if id in asked else 0.0
        assert one.score == pytest.approx((1 - share) * pairs[id][0] + share * gain, abs=1e-9)
        assert one.score == pytest.approx(sum(one.parts.values()))
