"""Near-duplicates: what MinHash says against the exact share of common runs of tokens."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from codeindex.pairs.near_duplicates import NearDuplicates

WORDS = [f"name{number}" for number in range(400)]
BASE = random.Random(1).choices(WORDS, k=200)


def changed(words, changes, seed):
    """With so many words replaced by new ones, spread at random."""
    chance = random.Random(seed)
    copy = list(words)
    for place in chance.sample(range(len(copy)), changes):
        copy[place] = f"new{seed}_{place}"
    return copy


def similarity(one, other):
    """The oracle: the Jaccard index of the sets of runs of five tokens."""
    runs = [
        {tuple(words[place : place + 5]) for place in range(len(words) - 4)}
        for words in (one, other)
    ]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def test_what_is_alike_is_found_and_what_is_not_is_kept():
    wrong = 0
    for seed in range(60):
        for changes in (1, 2, 12, 40):
            copy = changed(BASE, changes, seed)
            codes = NearDuplicates()
            assert codes.is_new(" ".join(BASE))
            alike = similarity(BASE, copy)
            is_new = codes.is_new(" ".join(copy))
            if alike >= 0.9 or alike <= 0.65:
                wrong += is_new is (alike > 0.8)
    assert wrong <= 3  # of more than 200; 60 permutations are not exact


@given(st.lists(st.sampled_from(["a", "b", "(", ")", "\n", "=", "é", "x1"]), max_size=40))
def test_the_same_is_never_new_whatever_its_spaces_and_comments(tokens):
    codes = NearDuplicates()
    assert codes.is_new(" ".join(tokens))
    assert not codes.is_new(" ".join(tokens))
    assert not codes.is_new("   ".join(tokens) + "  # and a comment")


def test_short_functions_that_differ_in_a_name_are_new():
    codes = NearDuplicates()
    names = ["width", "height", "depth", "weight"]
    assert all(codes.is_new(f"def {n}(self):\n    return self._{n}\n") for n in names)


def test_nothing_and_single_tokens():
    codes = NearDuplicates()
    assert [codes.is_new(text) for text in ("", "a", "", "a", "b")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_among_many_the_right_one_is_found():
    codes = NearDuplicates()
    texts = [" ".join(random.Random(n).choices(WORDS, k=80)) for n in range(300)]
    assert all(map(codes.is_new, texts))
    assert not any(map(codes.is_new, texts))
