"""Hybrid search of real indexes: every option, and queries of every sort."""

from __future__ import annotations

import itertools

import pytest

from codeindex import Filter, Index
from codeindex.errors import UsageError
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions

MODES = list(Mode)
ODD = [
    "яблоко красное",
    "レスポンス 应用 苹果",
    "🍎🔨",
    "the of and is",
    '"apple" OR "iron"',
    "apple NEAR/2 iron AND NOT (red*) ^x:y",
    "'; DROP TABLE snippets; --",
    "apple\0iron",
    "é́́ \u202eelppa",
    "apple " * 2_500,
    " ".join(f"w{n}" for n in range(2_500)),
]


@pytest.fixture
def index(tree, host):
    (tree / "apple.txt").write_text("apple pie\n\napple tart\n\napple cake\n\napple juice\n")
    (tree / "tests").mkdir()
    (tree / "tests" / "test_apple.txt").write_text("apple red sweet\n")
    with Index.open(tree, create=True, host=host) as index:
        index.update()
        yield index


def names(results):
    return [result.snippet.code for result in results]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ODD, ids=range(len(ODD)))
def test_no_query_is_an_error_or_an_operator(index, query, mode):
    results = index.search(query, 5, mode=mode)
    assert results == index.search(query, 5, mode=mode)
    assert [result.rank for result in results] == list(range(1, len(results) + 1))
    for result in results:
        assert sum(result.parts.values()) == pytest.approx(result.score)
        assert 0 <= result.confidence <= 1
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)


def test_operators_are_words(index):
    assert names(index.search('"hammer" NOT hammer', 1, mode="lexical")) == ["hammer heavy iron"]
    assert index.search("zebra AND", mode="lexical") == []


@pytest.mark.parametrize("mode", MODES)
def test_filters_hold_for_both_halves(index, mode):
    for given, allowed in (
        ({"paths": "fruit.txt"}, {"fruit.txt"}),
        ({"paths": ("tools.txt", "tests/**")}, {"tools.txt", "tests/test_apple.txt"}),
    ):
        found = index.search("apple iron", 20, mode=mode, per_file=0, **given)
        assert {result.snippet.path for result in found} <= allowed
        assert found
    assert index.search("apple", mode=mode, kinds="class") == []
    assert index.search("apple", mode=mode, languages="cobol") == []


@pytest.mark.parametrize("mode", MODES)
def test_at_most_so_many_of_a_file_and_in_all(index, mode):
    for per_file, top_k in itertools.product((0, 1, 2), (1, 3, 10)):
        found = index.search("apple", top_k, mode=mode, per_file=per_file)
        paths = [result.snippet.path for result in found]
        assert len(paths) <= top_k
        assert not per_file or max(map(paths.count, paths)) <= per_file
        everything = index.search("apple", 10, mode=mode, per_file=per_file)
        assert names(found) == names(everything)[:top_k]


def test_each_half_finds_what_the_other_cannot(index):
    (lexical, *_) = index.search("hammer", 3, mode="lexical")
    assert (lexical.cosine, set(lexical.words)) == (None, {"hammer"})
    assert "dense" not in lexical.parts
    (dense, *_) = index.search("hammer", 3, mode="dense")
    assert dense.words == {}
    assert dense.cosine > 0
    assert "lexical" not in dense.parts
    (hybrid, *_) = index.search("hammer", 3)
    assert {"dense", "lexical"} <= set(hybrid.parts)
    assert names([lexical]) == names([dense]) == names([hybrid])


def test_tests_come_last_unless_they_are_asked_for(index):
    first, *others = index.search("apple red sweet", 20)
    assert (first.snippet.path, first.snippet.code) == ("fruit.txt", "apple red sweet")
    (test,) = [result for result in others if result.snippet.code == "apple red sweet"]
    assert test.parts["tests"] < 0
    assert test.confidence < first.confidence
    assert all("tests" not in r.parts for r in index.search("test of apple red sweet", 20))


def test_what_is_likely_enough_is_a_part_of_all(index):
    everything = index.search("apple pie", 20, per_file=0)
    sure = sorted(result.confidence for result in everything)
    least = sure[len(sure) // 2]
    some = index.search("apple pie", 20, per_file=0, min_confidence=least)
    assert names(some) == [r.snippet.code for r in everything if r.confidence >= least]
    assert index.search("zxqv blorp", min_confidence=0.5) == []


@pytest.mark.parametrize("mode", MODES)
def test_nonsense_is_less_sure_than_an_answer(index, mode):
    (answer, *_) = index.search("hammer heavy iron", mode=mode)
    assert all(r.confidence < answer.confidence / 2 for r in index.search("zxqv blorp", mode=mode))


@pytest.mark.parametrize("mode", MODES)
def test_an_index_with_one_snippet_and_with_none(tmp_path, host, mode):
    root = tmp_path / "small"
    root.mkdir()
    (root / "one.txt").write_text("pear green\n")
    with Index.open(root, create=True, host=host) as index:
        index.update()
        assert names(index.search("pear", mode=mode)) == ["pear green"]
        assert len(index.search("zebra", mode=mode)) == (mode is not Mode.LEXICAL)
        (root / "one.txt").write_text("")
        index.update()
        assert index.search("pear", mode=mode) == []


def test_several_queries_are_answered_as_each_alone(index):
    queries = ["apple", "hammer heavy", "apple pie"]
    for mode in MODES:
        options = SearchOptions(mode)
        together = index.search_many(queries, 5, Filter(), options)
        for query, results in zip(queries, together, strict=True):
            assert names(results) == names(index.search(query, 5, mode=mode))


def test_options_that_make_no_sense_are_refused(index):
    for given, said in (
        ({"mode": "psychic"}, "no mode 'psychic'"),
        ({"per_file": -1}, "per-file"),
        ({"min_confidence": 1.5}, "min-confidence"),
    ):
        with pytest.raises(UsageError, match=said):
            index.search("x", **given)
