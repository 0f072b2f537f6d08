"""Metrics against their definitions, written out by hand."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.errors import UsageError
from codeindex.evaluation.metrics import METRICS, check_installed, metric_values

ANSWERS = [f"a{number}.py:f" for number in range(14)]


def by_hand(grades, found):
    good = [place for place, answer in enumerate(found, 1) if answer in grades]
    gain = sum(
        grades[answer] / math.log2(place + 1)
        for place, answer in enumerate(found[:10], 1)
        if answer in grades
    )
    ideal = sum(
        grade / math.log2(place + 1)
        for place, grade in enumerate(sorted(grades.values(), reverse=True)[:10], 1)
    )
    values = {"MRR": 1 / good[0] if good else 0, "NDCG@10": gain / ideal}
    for k in (1, 5, 10, 100):
        values[f"Recall@{k}"] = sum(place <= k for place in good) / len(grades)
    return values


@st.composite
def asked(draw):
    grades = draw(
        st.dictionaries(st.sampled_from([*ANSWERS, "not in the index: x"]), st.integers(1, 3),
                        min_size=1)
    )  # fmt: skip
    number = draw(st.integers(0, len(ANSWERS)))
    return grades, draw(st.permutations(ANSWERS))[:number]


@given(st.lists(asked(), min_size=1, max_size=6))
def test_every_metric_is_what_it_is_defined_as(queries):
    relevant = {f"q{row}": grades for row, (grades, _) in enumerate(queries)}
    ranked = {f"q{row}": found for row, (_, found) in enumerate(queries)}
    values = metric_values(relevant, ranked)
    assert set(values) == set(METRICS)
    for row, (grades, found) in enumerate(queries):
        for metric, value in by_hand(grades, found).items():
            assert values[metric][row] == pytest.approx(value, abs=1e-6), (metric, row)


def test_a_list_of_a_thousand_keeps_its_order():
    found = [f"x{number}" for number in range(1000)]
    values = metric_values({"q": {"x734": 1}, "r": {"y": 1}}, {"q": found, "r": found})
    assert values["MRR"].tolist() == [pytest.approx(1 / 735), 0]


def test_without_the_library_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(UsageError, match="pip install ir-measures"):
        check_installed()
