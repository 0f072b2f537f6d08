"""The gate of cross-encoders: order against order, and the rows that it is measured on."""

from __future__ import annotations

import numpy as np
import pytest
from export_toys import pairs
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_model

from codeindex.pairs.pair import Pair
from codeindex_torch.cross_encoder.agreement import agreement
from codeindex_torch.cross_encoder.groups import check_rows
from codeindex_torch.cross_encoder.loading import load_cross_encoder


def scores(*rows):
    return np.array(rows, dtype=np.float32)


def test_the_figures_are_those_worked_out_by_hand():
    found = agreement(scores([4, 2, 0], [0, 1, 5]), scores([2, 4, 0], [0, 1, 5]))
    discounts = 1 / np.log2([2, 3, 4])
    first = (0.5 * discounts[0] + 1 * discounts[1]) / (1 * discounts[0] + 0.5 * discounts[1])
    assert found.gain == found.ratio == pytest.approx((first + 1) / 2)
    assert (found.queries, found.candidates, found.first) == (2, 3, 0.5)
    assert found.order == pytest.approx(5 / 6)
    assert found.found["torch"] == pytest.approx((1 + 1 / 3) / 2)
    assert found.found["onnx"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.difference == pytest.approx(2 / scores([4, 2, 0], [0, 1, 5]).std())


@given(st.lists(st.lists(st.integers(-50, 50), min_size=4, max_size=4), min_size=1, max_size=9))
def test_any_rising_function_of_the_scores_keeps_the_ranking(rows):
    torch = scores(*rows)
    found = agreement(torch, 2 * torch + 1)
    assert found.gain == pytest.approx(1)
    assert (found.first, found.order) == (1, 1)
    assert 0 <= agreement(torch, -torch).gain <= 1 + 1e-6


def test_what_is_nearly_equal_may_change_places_at_no_cost():
    torch = scores([9, 8.99, -9, -9.01])
    near = agreement(torch, scores([8.99, 9, -9.01, -9]))
    far = agreement(torch, scores([9, -9, 8.99, -9.01]))
    assert near.gain > 0.999
    assert far.gain < 0.96
    assert near.order == pytest.approx(4 / 6)


def test_rows_are_the_same_every_time_with_the_queries_own_text_first(tmp_path):
    model = load_cross_encoder(tiny_model(tmp_path / "m", "bert", labels=1))
    given_pairs = [Pair(row["anchor"], row["positive"]) for row in pairs(60)]
    rows = check_rows(given_pairs, model, 10**9)
    assert rows == check_rows([*reversed(given_pairs), given_pairs[0]], model, 10**9)
    assert rows.candidates == 10
    assert len(rows.measured) == 480
    assert (len(rows.tuning), len(rows.calibration)) == (80, 40)
    tokens = model.tokens(model.max_length)
    own = {tuple(tokens.of(pair.anchor, [pair.positive])[0]) for pair in given_pairs}
    for start in range(0, 480, 10):
        group = [tuple(row) for row in rows.measured[start : start + 10]]
        assert group[0] in own
        assert len(set(group)) == 10
    assert len(check_rows(given_pairs, model, 1).measured) == 200
    assert len(check_rows(given_pairs, model, 1, limit=30).measured) == 180
