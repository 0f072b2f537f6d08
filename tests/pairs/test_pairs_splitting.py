"""split_pairs: nothing is on both sides, the share is met, and the same seed gives the same."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeindex.errors import UsageError
from codeindex.pairs import Pair
from codeindex.pairs.splitting import split_pairs

NAMES = st.sampled_from(["", *"abcdefgh"])
PAIRS = st.lists(
    st.builds(
        lambda anchor, positive, paper, repository, file: Pair(
            anchor,
            positive,
            (),
            {"arxiv_id": paper, "repo_url": repository, "code_file_path": file},
        ),
        *(st.integers(0, 30).map("a{}".format), st.integers(0, 30).map("p{}".format)),
        *(NAMES, NAMES, NAMES),
    ),
    max_size=30,
)
SHARES = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 5)


def split(pairs, share=0.8, seed=1, by="paper"):
    try:
        return split_pairs(pairs, train_share=share, seed=seed, by=by)
    except UsageError:
        assume(False)


def named(pairs, places, attribute):
    return {getattr(pairs[place], attribute) for place in places} - {""}


@given(PAIRS, SHARES, SEEDS, st.sampled_from(["paper", "file", "pair"]))
def test_each_pair_is_once_in_it_and_neither_side_is_empty(pairs, share, seed, by):
    sides = split(pairs, share, seed, by)
    assert sides.train
    assert sides.validation
    assert sorted([*sides.train, *sides.validation, *sides.left_out]) == [*range(len(pairs))]
    assert sides.train == sorted(sides.train)
    assert sides.validation == sorted(sides.validation)
    assert sides == split(pairs, share, seed, by)


@given(PAIRS, SHARES, SEEDS)
def test_by_paper_nothing_leaks(pairs, share, seed):
    sides = split(pairs, share, seed, "paper")
    for attribute in ("paper", "repository", "anchor", "positive"):
        trained = named(pairs, sides.train, attribute)
        assert not trained & named(pairs, sides.validation, attribute), attribute
    for attribute in ("paper", "repository"):
        trained = named(pairs, sides.train, attribute)
        assert not trained & named(pairs, sides.left_out, attribute), attribute
    seen = named(pairs, sides.train, "anchor") | named(pairs, sides.train, "positive")
    assert all({pairs[p].anchor, pairs[p].positive} & seen for p in sides.left_out)


@given(PAIRS, SHARES, SEEDS)
def test_by_file_no_file_and_no_code_leaks(pairs, share, seed):
    sides = split(pairs, share, seed, "file")
    for attribute in ("file", "positive"):
        trained = named(pairs, sides.train, attribute)
        assert not trained & named(pairs, sides.validation, attribute), attribute


def of_paper(number, paper, repository=""):
    facts = {"arxiv_id": f"paper {paper}"} if paper is not None else {}
    return Pair(f"a{number}", f"p{number}", (), facts | {"repo_url": repository})


@given(st.lists(st.integers(1, 6), min_size=40, max_size=60), SHARES, SEEDS)
def test_the_share_is_met_where_groups_are_small(sizes, share, seed):
    papers = [paper for paper, size in enumerate(sizes) for _ in range(size)]
    pairs = [of_paper(number, paper) for number, paper in enumerate(papers)]
    sides = split(pairs, share, seed)
    assert not sides.left_out
    assert abs(len(sides.train) - share * len(pairs)) <= 6


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("sizes", "share", "train"),
    [([90, 5, 5], 0.8, 90), ([50, 50], 0.8, 50), ([50, 50], 0.01, 50), ([1, 99], 0.99, 99)],
)
def test_few_large_groups_get_the_best_there_is(sizes, share, train, seed):
    papers = [paper for paper, size in enumerate(sizes) for _ in range(size)]
    pairs = [of_paper(number, paper) for number, paper in enumerate(papers)]
    assert len(split(pairs, share, seed).train) == train


@pytest.mark.parametrize(("pairs", "train"), [(249, 199), (10, 8), (2, 1), (100, 80)])
def test_at_random_the_share_is_met_to_the_pair(pairs, train):
    one_paper = [of_paper(number, 1, "r") for number in range(pairs)]
    assert len(split(one_paper, by="pair").train) == train


def test_papers_joined_over_a_repository_are_one_group():
    chain = [of_paper(0, 1, "r"), of_paper(1, 2, "r"), of_paper(2, 2, "s"), of_paper(3, 3, "s")]
    away = of_paper(4, 9, "t")
    for seed in range(8):
        sides = split([*chain, away], seed=seed)
        assert (sides.train, sides.validation) == ([0, 1, 2, 3], [4])
    same = [of_paper(0, None, "https://x.org/R.git"), of_paper(1, None, "https://x.org/r/")]
    assert split([*same, away]).validation == [4 - 2]


def test_what_says_not_where_it_is_from_goes_by_its_texts():
    pairs = [Pair("a", "p"), Pair("a", "q"), Pair("b", "q"), Pair("c", "r")]
    for seed in range(8):
        assert split(pairs, seed=seed).train == [0, 1, 2]


def test_a_copy_that_is_trained_on_is_not_validated_with():
    licence = [Pair(f"paper {n}", "setup()", (), {"arxiv_id": str(n)}) for n in range(10)]
    own = [Pair(f"paper {n}", f"code {n}", (), {"arxiv_id": str(n)}) for n in range(10)]
    sides = split([*licence, *own])
    assert (len(sides.train), len(sides.validation), len(sides.left_out)) == (16, 2, 2)
    assert all(place < 10 for place in sides.left_out)


def test_seeds_differ():
    pairs = [of_paper(number, number) for number in range(50)]
    splits = {tuple(split(pairs, seed=seed).validation) for seed in range(10)}
    assert len(splits) == 10


def test_it_does_not_depend_on_how_strings_are_hashed():
    code = (
        "from codeindex.pairs import Pair\nfrom codeindex.pairs.splitting import split_pairs\n"
        "pairs = [Pair(str(n), str(-n), (), {'arxiv_id': str(n // 3)}) for n in range(60)]\n"
        "print(split_pairs(pairs, train_share=0.8, seed=3, by='paper').validation)"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert json.loads(said.pop())


@pytest.mark.parametrize(
    ("pairs", "by", "message"),
    [
        ([], "pair", "takes two pairs or more; there is none"),
        ([of_paper(0, 1)], "pair", "takes two pairs or more; there is one"),
        ([of_paper(0, 1), of_paper(1, 1)], "paper", "--split-by file"),
        ([Pair("a", "p"), Pair("a", "q")], "file", "split at random: --split-by pair"),
        ([Pair("a", "p", (), {"arxiv_id": str(n)}) for n in range(3)], "paper", "copies"),
    ],
)
def test_what_cannot_be_split_says_what_to_do(pairs, by, message):
    with pytest.raises(UsageError, match=message):
        split_pairs(pairs, train_share=0.8, seed=1, by=by)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_that_is_none(share):
    with pytest.raises(UsageError, match="more than 0 and less than 1"):
        split_pairs([Pair("a", "p"), Pair("b", "q")], train_share=share, seed=1, by="pair")
