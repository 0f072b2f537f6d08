"""The search keeps as few layers in fp32 as the limit asks for, those that lose the most."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from codeindex.evaluation import Retrieval
from codeindex_torch.export.gate import Quality
from codeindex_torch.export.recipe import Layer, Recipe
from codeindex_torch.export.search import find_recipe


@dataclass
class FakeTower:
    """Loses what its int8 layers lose."""

    losses: dict[str, float]
    recipe: Recipe = field(default_factory=Recipe)
    gain: float = 1.0

    @property
    def layers(self):
        return [Layer(name, name, "x", "w", 100, False) for name in self.losses]

    def choose_treatment(self):
        pass

    def choose_granularity(self):
        self.losses = {name: loss / self.gain for name, loss in self.losses.items()}

    def write(self, recipe):
        self.recipe = recipe

    def damages(self):
        return {name: loss / 100 for name, loss in self.losses.items()}

    def lost(self):
        return sum(loss for name, loss in self.losses.items() if name not in self.recipe.keep)


def searched(towers, least=0.995):
    def measure():
        mrr = 0.8 * (1 - sum(tower.lost() for tower in towers.values()))
        return Quality({}, "", retrieved(0.8), retrieved(mrr))

    return find_recipe(towers, measure, least, lambda text: None)


def retrieved(mrr):
    return Retrieval(mrr, mrr, mrr, mrr, 100, 100)


def test_nothing_is_kept_when_nothing_is_lost():
    towers = {"both": FakeTower({f"l{n}": 0.0001 for n in range(8)})}
    found = searched(towers)
    assert found.passed
    assert found.steps == [(0, pytest.approx(1 - 0.0008))]
    assert towers["both"].recipe.keep == frozenset()


@pytest.mark.parametrize("bad", [1, 2, 3, 4, 5])
def test_the_layers_that_lose_are_kept_and_no_others(bad):
    losses = {f"l{n}": 0.01 if n < bad else 0.0 for n in range(24)}
    towers = {"both": FakeTower(losses)}
    found = searched(towers)
    assert found.passed
    assert towers["both"].recipe.keep >= {f"l{n}" for n in range(bad)}
    assert len(towers["both"].recipe.keep) <= bad + bad // 4 + 1
    assert found.quality.ratio == pytest.approx(1)


def test_another_granularity_comes_before_layers():
    towers = {"both": FakeTower({f"l{n}": 0.01 for n in range(8)}, gain=100)}
    assert searched(towers).passed
    assert towers["both"].recipe.keep == frozenset()


def test_two_towers_are_ranked_together():
    towers = {
        "query": FakeTower({f"l{n}": 0.0 for n in range(6)}),
        "corpus": FakeTower({f"l{n}": 0.02 if n == 3 else 0.0 for n in range(6)}),
    }
    assert searched(towers).passed
    assert towers["corpus"].recipe.keep == {"l3"}
    assert towers["query"].recipe.keep == frozenset()


def test_it_gives_up_when_most_of_the_model_would_stay_fp32():
    towers = {"both": FakeTower({f"l{n}": 0.1 for n in range(8)})}
    found = searched(towers)
    assert not found.passed
    assert max(count for count, _ in found.steps) == 6
