"""Hubs held back: the vectors' product is the score of the paper, and files are what they say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.errors import UsageError
from codeindex.hubness import Hubness, HubPenalty, asked, read_hubness
from codeindex.vectors import unit

DIM, HIDDEN = 12, 5


def random_unit(rows, seed, dim=DIM):
    return unit(np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32))


def toy(seed=0, dim=DIM):
    draw = np.random.default_rng(seed)
    floats = [draw.normal(0, 0.2, HIDDEN).astype(np.float32) for _ in range(3)]
    floats[0] = np.abs(floats[0]) / 100
    rows = draw.integers(-127, 128, (HIDDEN, dim)).astype(np.int8)
    return Hubness(rows, *floats, np.array(0.5, np.float32), np.array(0.4, np.float32))


def nearness(hubness, vector):
    """r(d), as the docstring of `Hubness` has it, a unit at a time."""
    total = float(hubness.mean)
    for row, scale, bias, out in zip(
        hubness.rows, hubness.scales, hubness.bias, hubness.out, strict=True
    ):
        total += max(0.0, float(vector @ row) * float(scale) + float(bias)) * float(out)
    return total


def test_the_penalty_is_half_of_what_the_network_says_beyond_a_usual_text():
    hubness, vectors = toy(), random_unit(2500, 1)  # more than are computed at once
    found = HubPenalty(hubness).of(vectors)
    assert found.dtype == np.float32
    expected = [(nearness(hubness, vector) - 0.4) / 2 for vector in vectors]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("dim", [DIM, 7, 2])
def test_the_product_is_the_score_less_the_penalty(dim):
    penalty, texts, questions = HubPenalty(toy()), random_unit(40, 1), random_unit(9, 2)
    answer, ask = penalty.corpus(texts, dim), asked(questions, dim)
    assert answer.shape == (40, dim)
    assert ask.shape == (9, dim)
    for vectors in (answer, ask):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    p = penalty.of(texts)
    cosines = unit(questions[:, : dim - 1]) @ unit(texts[:, : dim - 1]).T
    score = (ask @ answer.T) * np.sqrt(5) / 2 * np.sqrt(1 + 4 * p**2)
    np.testing.assert_allclose(score, cosines - p, atol=1e-5)


def test_of_two_texts_that_are_as_near_the_hub_comes_second():
    hub, rare = np.eye(DIM, dtype=np.float32)[:2]
    # One hidden unit, which is the hub itself: what is like it is near to every question.
    rows = (127 * hub[None]).astype(np.int8)
    facts = [np.full(1, value, np.float32) for value in (1 / 127, 0, 0.4)]
    half = np.array(0.5, np.float32)
    penalty = HubPenalty(Hubness(rows, *facts, half, half))
    question = unit((hub + rare)[None])
    scores = asked(question, DIM) @ penalty.corpus(np.stack([hub, rare]), DIM).T
    assert question[0, 0] == question[0, 1], "by their cosines alone, they are as near"
    assert scores[0, 1] > scores[0, 0] + 0.1


def test_what_has_no_token_stays_zero():
    zeros = np.zeros((2, DIM), np.float32)
    vectors = np.concatenate([zeros, random_unit(1, 3)])
    for found in (HubPenalty(toy()).corpus(vectors, DIM), asked(vectors, DIM)):
        assert found.any(axis=1).tolist() == [False, False, True]
    assert HubPenalty(toy()).corpus(zeros[:0], DIM).shape == (0, DIM)


def test_its_file_gives_it_back_and_is_the_same_each_time():
    hubness = toy()
    contents = hubness.file()
    assert contents == toy().file()
    again = read_hubness(contents, DIM)
    for name in Hubness.__slots__:
        np.testing.assert_array_equal(getattr(again, name), getattr(hubness, name))


@given(st.data())
def test_a_damaged_file_is_refused_or_read_as_it_was(data):
    contents = bytearray(toy().file())
    if data.draw(st.booleans()):
        del contents[data.draw(st.integers(0, len(contents) - 1)) :]
    else:
        contents[data.draw(st.integers(0, len(contents) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = read_hubness(bytes(contents), DIM)
    except UsageError:
        return
    np.testing.assert_array_equal(found.rows, toy().rows)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_what_is_no_hubness_is_refused():
    arrays = {name: getattr(toy(), name) for name in Hubness.__slots__}
    objects = np.array([{"a": 1}], dtype=object)  # would be unpickled
    with pytest.raises(UsageError, match="expected int8"):
        read_hubness(npz(**arrays), DIM + 1)
    for changes in (
        {"rows": arrays["rows"].astype(np.int16)},
        {"rows": objects},
        {"rows": np.array(3, np.int8)},
        {"bias": arrays["bias"][1:]},
        {"mean": arrays["bias"]},
    ):
        with pytest.raises(UsageError, match=r"hubness\.npz"):
            read_hubness(npz(**{**arrays, **changes}), DIM)
    del arrays["out"]
    with pytest.raises(UsageError, match="out"):
        read_hubness(npz(**arrays), DIM)
    with pytest.raises(UsageError, match="cannot be read"):
        read_hubness(b"", DIM)
