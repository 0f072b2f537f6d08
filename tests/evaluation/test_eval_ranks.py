"""Ranks and their metrics against what they are defined as."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.evaluation import first_ranks, retrieval


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 12))
def test_the_rank_is_one_more_than_what_is_at_least_as_near(seed, asked, pool):
    generator = np.random.default_rng(seed)
    queries = generator.integers(-2, 3, (asked, 3)).astype(np.float32)  # small numbers: ties
    corpus = generator.integers(-2, 3, (pool, 3)).astype(np.float32)
    relevant = [
        generator.choice(pool, generator.integers(1, pool + 1), replace=True).tolist()
        for _ in range(asked)
    ]
    ranks = first_ranks(queries, corpus, relevant)
    for query, its, rank in zip(queries, relevant, ranks.tolist(), strict=True):
        best = max(float(query @ corpus[row]) for row in its)
        ahead = [
            row for row in range(pool) if row not in its and float(query @ corpus[row]) >= best
        ]
        assert rank == len(ahead) + 1


def test_more_queries_than_are_scored_together():
    generator = np.random.default_rng(0)
    corpus = generator.normal(size=(1100, 8)).astype(np.float32)
    corpus /= np.linalg.norm(corpus, axis=1, keepdims=True)
    ranks = first_ranks(corpus, corpus, [[row] for row in range(1100)])
    assert ranks.tolist() == [1] * 1100


def test_metrics_of_ranks():
    found = retrieval(np.array([1, 2, 10, 11]), pool=50)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 10 + 1 / 11) / 4)
    assert (found.recall_at_1, found.recall_at_5, found.recall_at_10) == (0.25, 0.5, 0.75)
    assert (found.queries, found.pool) == (4, 50)
    assert retrieval(np.array([], dtype=np.int64), pool=3).mrr == 0
