"""InfoNCE against its formula, written out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codeindex_torch.training.check_loss import check_loss
from codeindex_torch.training.loss import MAX_SCALE, InfoNCE


def unit(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def by_hand(ask, answer, targets, masked, temperature):
    losses = []
    for row, target in enumerate(targets):
        terms = [
            math.exp(float(ask[row] @ answer[column]) / temperature)
            for column in range(len(answer))
            if column == target or not masked[row][column]
        ]
        own = math.exp(float(ask[row] @ answer[target]) / temperature)
        losses.append(-math.log(own / sum(terms)))
    return sum(losses) / len(losses)


@given(st.integers(2, 6), st.integers(0, 4), st.integers(0, 50), st.floats(0.03, 1.0))
def test_loss_is_the_formula(size, extra, seed, temperature):
    anchors, candidates = unit(size, 8, seed=seed), unit(size + extra, 8, seed=seed + 1)
    masked = torch.rand(size, size + extra, generator=torch.Generator().manual_seed(seed)) < 0.3
    found = InfoNCE(temperature)(anchors, candidates, torch.arange(size), masked)
    expected = by_hand(anchors, candidates, range(size), masked, temperature)
    assert float(found) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_two_directions_are_the_mean_of_both():
    anchors, positives = unit(5, 8), unit(5, 8, seed=1)
    nothing = torch.zeros(5, 5, dtype=torch.bool)
    targets = torch.arange(5)
    one = InfoNCE(0.1)
    both = InfoNCE(0.1, two_directions=True)
    there = float(one(anchors, positives, targets, nothing))
    back = float(one(positives, anchors, targets, nothing))
    assert there != pytest.approx(back, abs=1e-3)
    found = float(both(anchors, positives, targets, nothing, (positives, anchors, nothing)))
    assert found == pytest.approx((there + back) / 2, rel=1e-5)
    with pytest.raises(ValueError, match="reverse"):
        both(anchors, positives, targets, nothing)


def test_cut_vectors_are_learned_with_the_whole_ones():
    anchors, candidates = unit(5, 8), unit(7, 8, seed=1)
    masked = torch.zeros(5, 7, dtype=torch.bool)
    found = InfoNCE(0.1, cuts=(4, 2))(anchors, candidates, torch.arange(5), masked)
    expected = [
        by_hand(
            *(
                torch.nn.functional.normalize(side[:, :dim], dim=1)
                for side in (anchors, candidates)
            ),
            range(5),
            masked,
            0.1,
        )
        for dim in (8, 4, 2)
    ]
    assert float(found) == pytest.approx(sum(expected) / 3, rel=1e-4)


def test_what_is_masked_has_no_gradient():
    anchors, positives = unit(4, 8), unit(4, 8, seed=1).requires_grad_()
    masked = torch.zeros(4, 4, dtype=torch.bool)
    masked[:, 3] = True
    masked[3, :] = True  # which leaves it its own answer
    InfoNCE(0.1)(anchors, positives, torch.arange(4), masked).backward()
    assert torch.all(positives.grad[3] == 0)
    assert torch.all(positives.grad[:3].norm(dim=1) > 0)


def test_a_learned_temperature_stays_within_its_bounds():
    loss = InfoNCE(0.07, learn=True)
    assert loss.temperature == pytest.approx(0.07)
    for value, expected in ((10.0, 1 / MAX_SCALE), (-3.0, 1.0)):
        with torch.no_grad():
            loss.log_scale.fill_(value)
        loss.clamp()
        assert loss.temperature == pytest.approx(expected)
    fixed = InfoNCE(2.0)
    fixed.clamp()
    assert fixed.temperature == pytest.approx(2.0), "a fixed one is the user's"


@pytest.mark.parametrize("two_directions", [False, True])
@pytest.mark.parametrize("batch_size", [2, 8, 64])
def test_every_check_of_the_loss_passes(batch_size, two_directions):
    checks = list(check_loss(batch_size=batch_size, two_directions=two_directions))
    assert len(checks) == 7
    assert [check.name for check in checks if not check.passed] == []


def test_the_checks_find_planted_faults(monkeypatch):
    def failing(change):
        with monkeypatch.context() as patch:
            change(patch)
            return {check.name for check in check_loss() if not check.passed}

    def no_mask(patch):
        plain = InfoNCE._direction
        patch.setattr(
            InfoNCE,
            "_direction",
            lambda self, ask, answer, targets, masked: plain(
                self, ask, answer, targets, torch.zeros_like(masked)
            ),
        )

    def wrong_sign(patch):
        plain = InfoNCE._direction
        patch.setattr(InfoNCE, "_direction", lambda *arguments: -plain(*arguments))

    def no_temperature(patch):
        patch.setattr(InfoNCE, "scale", lambda self: torch.tensor(1.0))

    def sum_for_mean(patch):
        plain = InfoNCE._direction
        patch.setattr(
            InfoNCE,
            "_direction",
            lambda self, ask, *rest: plain(self, ask, *rest) * len(ask),
        )

    assert failing(no_mask) == {"false negatives masked"}
    assert {"random vectors (untrained)", "every pair wrong"} <= failing(wrong_sign)
    assert {"identical pairs", "every pair wrong"} <= failing(no_temperature)
    assert "random vectors (untrained)" in failing(sum_for_mean)
