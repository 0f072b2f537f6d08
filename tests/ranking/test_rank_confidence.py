"""Confidence: more evidence is never less sure, and the encoder's scale does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.ranking.background import Background, measured, usual
from codeindex.ranking.confidence import Evidence, confidence
from codeindex.ranking.fusion import NEAR, nearness
from codeindex.ranking.mode import Mode

NUMBERS = st.tuples(st.floats(0, 1), st.floats(-1, 3))


@given(NUMBERS, NUMBERS, st.sampled_from(Mode))
def test_more_evidence_is_never_less_sure(one, other, mode):
    least, most = (tuple(map(pick, one, other)) for pick in (min, max))
    low, high = (confidence(Evidence(*values), mode) for values in (least, most))
    assert 0 <= low <= high <= 1


def vectors(count, dim, shared, seed=0):
    """Unit vectors with a common direction: cosines around ``shared²/(shared²+1)``."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(count, dim)) / dim**0.5
    made[:, 0] += shared
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def test_the_background_is_measured_on_the_index():
    for shared in (0.0, 1.0, 2.0):
        found = measured(vectors(400, 64, shared), 64)
        assert found.mean == pytest.approx(shared**2 / (shared**2 + 1), abs=0.05)
        assert 0 < found.deviation < 0.2


def test_little_is_made_of_few_vectors_and_nothing_of_copies():
    assert measured(vectors(1, 64, 0), 64) == usual(64)
    assert measured(np.tile(vectors(1, 64, 0), (9, 1)), 64) == usual(64)
    assert measured(np.zeros((0, 64), np.float32), 64) == usual(64)
    few = measured(vectors(3, 64, 2.0), 64)
    assert few.mean < 0.4, "the usual counts for more than three of them"


@given(st.floats(0.01, 0.3), st.floats(-0.2, 0.8), st.floats(0, 10))
def test_the_scale_of_an_encoder_does_not_matter(deviation, mean, deviations):
    cosine = mean + deviations * deviation
    (near,) = nearness([cosine], Background(mean, deviation))
    assert NEAR * near == pytest.approx(deviations, abs=1e-6)
