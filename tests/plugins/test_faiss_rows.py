"""Scores of candidates from the vectors' file: read or mapped, the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from codeindex.errors import DamagedIndexError
from codeindex_faiss import rows as rows_module
from codeindex_faiss.rows import VectorRows, blocks_of, write_rows

DIM = 24


@pytest.fixture
def vectors():
    made = np.random.default_rng(3).standard_normal((50, DIM)).astype(np.float32)
    made[7] = made[41]
    return made


@pytest.fixture
def stored(vectors, tmp_path):
    write_rows(tmp_path / "v.npy", len(vectors), DIM, blocks_of(vectors))
    opened = VectorRows(tmp_path / "v.npy", DIM)
    yield opened
    opened.close()


@pytest.mark.parametrize("queries", [1, 3, 40])
@pytest.mark.parametrize("mapped", [0, 1 << 30], ids=["read", "mapped"])
def test_scores_are_inner_products(stored, vectors, monkeypatch, queries, mapped):
    monkeypatch.setattr(rows_module, "_MAPPED_BYTES", mapped)
    random = np.random.default_rng(queries)
    asked = random.standard_normal((queries, DIM)).astype(np.float32)
    places = random.integers(-1, len(vectors), (queries, 20))
    places[0, :3] = (-1, 7, 41)
    scores = stored.scores(asked, places)
    wanted = np.einsum("nmd,nd->nm", vectors[np.maximum(places, 0)].astype(float), asked)
    assert np.isneginf(scores[places < 0]).all()
    assert np.allclose(scores[places >= 0], wanted[places >= 0], atol=1e-4)
    assert scores[0, 1] == scores[0, 2], "equal vectors have equal scores"
    monkeypatch.setattr(rows_module, "_MAPPED_BYTES", (1 << 30) - mapped)
    assert np.array_equal(scores, stored.scores(asked, places))


def test_a_candidate_that_is_not_there_is_damage(stored, vectors):
    with pytest.raises(DamagedIndexError, match="none of the 50 vectors"):
        stored.scores(vectors[:1], np.array([[3, 50]]))
