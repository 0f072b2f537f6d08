"""Fusion and scoring: what is better for both halves is never ranked lower."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.ranking.background import Background
from codeindex.ranking.fusion import nearness, normalised
from codeindex.ranking.mode import Mode, mode_named
from codeindex.ranking.paths import PathKind
from codeindex.ranking.place import place_of
from codeindex.ranking.query import analysed, asked_words
from codeindex.ranking.scoring import Candidate, scored
from codeindex.ranking.selection import selected
from codeindex.ranking.signals import SIGNALS
from codeindex.ranking.weights import Weights

COSINES = st.one_of(st.none(), st.floats(-1, 1, width=32))
BM25 = st.floats(0, 50, width=32)
MOST = 50.0
"""What no snippet's BM25 is above."""
STRANGERS = Background(0.1, 0.1)
FOUND = st.lists(st.tuples(COSINES, BM25, st.sampled_from("abc")), min_size=1, max_size=12)
MODES = st.sampled_from(Mode)


def asked(text="parse a date"):
    return analysed(text, asked_words(text), {})


def candidates(found, name="name{}"):
    return [
        Candidate(n, place_of(f"{file}.py", "function", name.format(n)), cosine, bm25)
        for n, (cosine, bm25, file) in enumerate(found)
    ]


def no_signals(**changed):
    return replace(Weights(signals={}), **changed)


@given(FOUND, MODES, st.floats(-0.2, 0.4))
def test_better_for_both_halves_is_never_lower(found, mode, floor):
    strangers = Background(floor, 0.1)
    ranked = list(scored(asked(), candidates(found), mode, strangers, MOST, no_signals()))
    worst = min((c for c, _, _ in found if c is not None), default=floor)
    place = {one.candidate.id: at for at, one in enumerate(ranked)}
    score = {one.candidate.id: one.score for one in ranked}
    for a, (cosine, bm25, _) in enumerate(found):
        for b, (other, less, _) in enumerate(found):
            mine = worst if cosine is None else cosine
            its = worst if other is None else other
            if mine >= its and bm25 >= less:
                assert score[a] >= score[b] - 1e-9
                if mine > its + 1e-3 and bm25 > less + 1e-2 and mine > floor + 1e-3:
                    assert place[a] < place[b]


@given(FOUND, MODES, st.randoms(use_true_random=False))
def test_the_order_found_in_does_not_matter(found, mode, shuffler):
    given_in = candidates(found)
    shuffled = list(given_in)
    shuffler.shuffle(shuffled)
    one = list(scored(asked(), given_in, mode, STRANGERS, MOST, Weights()))
    two = list(scored(asked(), shuffled, mode, STRANGERS, MOST, Weights()))
    assert [r.candidate for r in one] == [r.candidate for r in two]
    assert [r.score for r in one] == pytest.approx([r.score for r in two])


@given(FOUND, MODES, st.sampled_from(["parse a date", "name3", "tests of a", "a.name1"]))
def test_a_score_is_the_sum_of_its_parts(found, mode, text):
    for one in scored(asked(text), candidates(found), mode, STRANGERS, MOST, Weights()):
        assert sum(one.parts.values()) == pytest.approx(one.score)
        assert 0 not in one.parts.values()


def test_equal_ones_stand_by_path_and_name():
    found = [(0.5, 1.0, file) for file in "cab"] * 2
    ranked = list(scored(asked(), candidates(found), Mode.HYBRID, STRANGERS, MOST, Weights()))
    places = [(r.candidate.place.path, r.candidate.place.name) for r in ranked]
    assert places == sorted(places)


@given(FOUND, st.integers(0, 4))
def test_no_file_gives_more_than_its_share(found, per_file):
    ranked = list(scored(asked(), candidates(found), Mode.HYBRID, STRANGERS, MOST, Weights()))
    kept = list(selected(ranked, per_file))
    for file in "abc":
        of_file = [one for one in ranked if one.candidate.place.path == f"{file}.py"]
        mine = [one for one in kept if one.candidate.place.path == f"{file}.py"]
        assert mine == (of_file[:per_file] if per_file else of_file)
    assert kept == [one for one in ranked if one in kept]


@given(st.lists(st.floats(-1, 60, width=32), max_size=9))
def test_normalised_scores_keep_their_order_between_0_and_1(scores):
    values = normalised(scores)
    assert all(0 <= value <= 1 for value in values)
    for a, mine in zip(scores, values, strict=True):
        for b, its in zip(scores, values, strict=True):
            assert a < b or mine >= its


def test_nearness_is_told_by_what_is_unrelated_not_by_what_else_was_found():
    assert nearness([0.1, 0.5, 0.9, -0.3], STRANGERS) == pytest.approx([0, 0.5, 1, 0])
    assert nearness([0.5], STRANGERS) == pytest.approx([0.5])
    assert nearness([], STRANGERS) == []


def test_each_half_alone_is_the_order_of_its_scores():
    found = [(random.Random(n).uniform(0.2, 0.9), float(-n % 7), "a") for n in range(7)]
    by = {Mode.DENSE: lambda c: -c.cosine, Mode.LEXICAL: lambda c: -c.bm25}
    for mode, key in by.items():
        ranked = list(scored(asked(), candidates(found), mode, STRANGERS, MOST, no_signals()))
        assert [r.candidate for r in ranked] == sorted(candidates(found), key=key)


def test_every_signal_has_a_weight_and_every_weight_a_signal():
    assert set(Weights().signals) == {*SIGNALS, "coherence", *PathKind}


def test_modes_have_names():
    assert mode_named("dense") is Mode.DENSE
    with pytest.raises(Exception, match="no mode 'psychic'; modes: hybrid, dense, lexical"):
        mode_named("psychic")
