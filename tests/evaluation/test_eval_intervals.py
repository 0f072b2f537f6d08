"""Intervals and tests of significance against what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from codeindex.evaluation import bootstrap_interval
from codeindex.evaluation.intervals import randomisation_p_value


def test_the_interval_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        values = generator.exponential(1.0, 60)
        low, high = bootstrap_interval(values, rounds=400, seed=trial)
        assert low < values.mean() < high
        covered += low <= 1.0 <= high
    assert 0.87 <= covered / 200 <= 0.99


def test_the_interval_is_reproducible_and_wider_for_a_higher_level():
    values = np.random.default_rng(2).normal(size=80)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    low, high = bootstrap_interval(values, level=0.5)
    lower, higher = bootstrap_interval(values, level=0.99)
    assert lower < low < high < higher
    assert bootstrap_interval(np.full(5, 0.3)) == pytest.approx((0.3, 0.3))


def test_the_p_value_is_that_of_all_assignments():
    differences = np.array([0.5, 0.2, 0.3, -0.1, 0.4, 0.25])
    signs = np.array([[1 if row >> bit & 1 else -1 for bit in range(6)] for row in range(64)])
    exact = float((np.abs(signs @ differences) >= differences.sum() - 1e-9).mean())
    assert randomisation_p_value(differences, rounds=40_000) == pytest.approx(exact, abs=0.01)


def test_no_difference_is_not_significant_and_a_plain_one_is():
    assert randomisation_p_value(np.zeros(30)) == 1
    assert randomisation_p_value(np.full(30, 0.1)) < 0.001
    noise = np.random.default_rng(3).normal(size=(200, 25))
    small = np.mean([randomisation_p_value(row, rounds=500) < 0.1 for row in noise])
    assert 0.04 < small < 0.18  # a tenth of what is only noise
