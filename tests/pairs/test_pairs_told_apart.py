"""Pairs that teach nothing, validations that say nothing, shares that cannot be met."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeindex.cli import run
from codeindex.pairs import Pair
from codeindex.pairs.told_apart import few_queries, nothing_to_tell_apart
from codeindex.pairs.writing import as_row, write_rows

NAMES = st.sampled_from(["", "a", "b"])
PAIRS = st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=6)


def pair(anchor, positive, paper, negatives=()):
    return Pair(anchor, positive, negatives, {"arxiv_id": paper, "repo_url": f"r{paper}"})


@given(PAIRS)
@example([("x", "y", "p"), ("x", "z", "q"), ("w", "y", "q")])  # each two, and not all, share one
def test_nothing_is_told_apart_where_each_two_share_something(rows):
    found = nothing_to_tell_apart([pair(*row) for row in rows])
    assert found == all(
        any(name and name == other for name, other in zip(one, two, strict=True))
        for one, two in combinations(rows, 2)
    )


def test_many_pairs_of_one_paper_take_no_search():
    pairs = [pair(f"a{n}", f"p{n}", "one") for n in range(20_000)]
    assert nothing_to_tell_apart(pairs), "and not after 200 million comparisons"
    assert not nothing_to_tell_apart([*pairs, pair("a", "p", "other")])


def test_hard_negatives_can_be_told_apart_if_they_are_used():
    pairs = [pair("a", "p", "one"), pair("b", "q", "one", ("n",))]
    assert not nothing_to_tell_apart(pairs)
    assert nothing_to_tell_apart(pairs, with_own=False)


def test_spaces_make_no_other_text():
    assert nothing_to_tell_apart([Pair("a  b", "p"), Pair(" a b", "q")])


def test_queries_are_counted_by_their_texts():
    assert few_queries([pair("a", f"p{n}", "one") for n in range(50)]).startswith(
        "there is 1 query"
    )
    assert "only 19 queries" in few_queries([pair(f"a{n}", "p", "one") for n in range(19)])
    assert few_queries([pair(f"a{n}", "p", "one") for n in range(20)]) == ""


@pytest.fixture
def split(tmp_path, monkeypatch, capsys):
    """Splits pairs of some papers, so many each; its notes, as lines and as JSON."""
    monkeypatch.chdir(tmp_path)

    def notes(*sizes, words=()):
        pairs = [
            pair(f"paper {n}", f"code {n} {m}", str(n))
            for n, s in enumerate(sizes)
            for m in range(s)
        ]
        write_rows(map(as_row, pairs), tmp_path / "pairs.json")
        assert run(["pairs", "split", "pairs.json", *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert run(["pairs", "split", "pairs.json", *words, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)["notes"]
        assert [f"note: {note}" for note in told] == [
            line for line in lines if line.startswith("note: ")
        ]
        return told

    return notes


def test_split_tells_what_it_means(split):
    share, apart, few = split(5, 3)  # none of the two groups is 80 % of the pairs
    assert share.startswith("37.5% are trained on, not 80.0%: pairs of one paper and repository")
    assert apart.startswith("all 3 pairs to train on are of one paper: none is a negative")
    assert few == "there is 1 query to validate with: its scores mean little"
    assert split(*[1] * 200) == []
    assert [note.split()[0] for note in split(5, 3, words=("--split-by", "pair"))] == ["there"]
    assert split(*[3] * 20, words=("--train-split", "0.76")) == [
        "there are only 5 queries to validate with: its scores mean little"
    ]
