"""Several indexes: merged fairly, each hit named, and one that is broken hides no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex import Index
from codeindex.errors import CodeIndexError, NotFoundError, UsageError
from codeindex.many import SeveralIndexes, merged, search_indexes
from codeindex.searching import SearchResult
from codeindex.snippet import Snippet


def make(folder, host, text, **options):
    folder.mkdir()
    (folder / "a.txt").write_text(text)
    with Index.open(folder, create=True, host=host, **options) as index:
        index.update()
    return str(folder)


@pytest.fixture
def two(tmp_path, host):
    one = make(tmp_path / "one", host, "apple red sweet\n\nhammer heavy iron\n")
    other = make(
        tmp_path / "two", host, "banana yellow\n\napple green\n",
        encoder="words", encoder_options={"dim": 16},
    )  # fmt: skip
    return [one, other]


def test_each_hit_names_its_index_whatever_the_encoders(two, host):
    found = search_indexes(two, "apple", 10, host=host)
    assert found.problems == ()
    assert {result.index for result in found.results} == set(two)
    assert [result.rank for result in found.results] == [1, 2, 3, 4]
    assert {result.snippet.name for result in found.results[:2]} == {"apple"}
    assert found.results[0].as_json()["index"] in two
    for name in two:  # what is found of one index is what it finds alone, in the same order
        with Index.open(name, host=host) as index:
            alone = [hit.snippet for hit in index.search("apple")]
        assert [hit.snippet for hit in found.results if hit.index == name] == alone


def test_a_broken_or_missing_index_is_told_and_hides_no_other(two, host, tmp_path):
    (tmp_path / "two" / ".codeindex" / "catalog.sqlite").write_bytes(b"no database" * 1000)
    places = [str(tmp_path / "nowhere"), two[1], two[0]]
    found = search_indexes(places, "apple", host=host)
    assert [problem.index for problem in found.problems] == places[:2]
    assert "no index at" in str(found.problems[0])
    assert {result.index for result in found.results} == {two[0]}


def test_one_that_breaks_while_open_is_told_too(two, host):
    with SeveralIndexes.open(two, host=host) as several:
        several.indexes[two[1]].close()
        (results,) = several.search_many(["apple"])
        assert {result.index for result in results} == {two[0]}
        (problem,) = several.problems
        assert problem.index == two[1]
        assert "was closed" in str(problem)


def test_none_left_is_an_error_that_names_all(tmp_path, host):
    with pytest.raises(NotFoundError, match=r"none of the indexes.*x: no index.*y: no index"):
        search_indexes([tmp_path / "x", tmp_path / "y"], "apple", host=host)
    with pytest.raises(UsageError, match="at least one index"):
        search_indexes([], "apple", host=host)


def test_wrong_use_is_no_problem_of_the_indexes(two, host):
    for query, top_k in (("", 1), ("apple", 0)):
        with pytest.raises(UsageError) as told:
            search_indexes(two, query, top_k, host=host)
        assert "none of the indexes" not in str(told.value)


def test_an_index_named_twice_is_searched_once(two, host, tmp_path):
    found = search_indexes([two[0], f"{two[0]}/.codeindex", two[0]], "apple", host=host)
    assert len(found.results) == 2


def test_indexes_of_one_encoder_load_it_once(tmp_path, host, toys):
    places = [make(tmp_path / name, host, f"apple {name}\n") for name in ("a", "b", "c")]
    before = len(toys.encoders)
    found = search_indexes(places, "apple", host=host)
    assert len(found.results) == 3
    assert len(toys.encoders) == before + 1


def test_words_alone_load_no_encoder(two, host, toys):
    before = len(toys.encoders)
    assert search_indexes(two, "apple", mode="lexical", host=host).results
    assert len(toys.encoders) == before


def test_filters_and_limits_hold_for_all_together(two, host):
    found = search_indexes(two, "apple", 1, host=host)
    assert len(found.results) == 1
    assert not search_indexes(two, "apple", kinds="poem", host=host).results
    with pytest.raises(CodeIndexError, match="no mode"):
        search_indexes(two, "apple", mode="best", host=host)


def answer(index, amounts):
    return [
        SearchResult(
            Snippet("a", "x", "f", f"{index}{rank}", 1, 1, ""), 0.0, rank, confidence=amount
        )
        for rank, amount in enumerate(amounts, 1)
    ]


AMOUNTS = st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), max_size=6)


@given(st.lists(AMOUNTS, max_size=4), st.integers(1, 12))
def test_merging_keeps_each_order_and_puts_the_surer_first(lists, top_k):
    answers = [answer(number, amounts) for number, amounts in enumerate(lists)]
    found = merged(answers, top_k)
    assert [result.rank for result in found] == list(range(1, len(found) + 1))
    assert len(found) == min(top_k, sum(map(len, answers)))
    for one in answers:
        names = [result.snippet.name for result in one]
        kept = [result.snippet.name for result in found if result.snippet.name in names]
        assert kept == names[: len(kept)]
    if found:
        assert found[0].snippet.name[1] == "1"
        surest = max(result.confidence for one in answers for result in one)
        whose = answers[int(found[0].snippet.name[0])]
        assert surest in {result.confidence for result in whose}
