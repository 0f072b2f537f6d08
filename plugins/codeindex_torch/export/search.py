"""The search for a recipe: which treatment, and which layers stay fp32, so that quality is kept.

First, on a few texts, the treatment whose vectors are the nearest to PyTorch's. Then the
gate. If it says no, other granularities. While it still does, the layers that do the most
damage for their size stay fp32, twice as many at each step, and the fewest that pass are looked
for between the last two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import onnx

from codeindex.vectors import Embeddings
from codeindex_torch.export.memory import release_memory
from codeindex_torch.export.quantise import quantise
from codeindex_torch.export.recipe import Calibration, Layer, Recipe, layers_of
from codeindex_torch.export.runner import Rows, Runner

_TREATMENTS: Sequence[Sequence[Mapping[str, Any]]] = (
    [{"limit": 4.0}, {"limit": 2.5}],
    [{"smoothing": 0.5}, {"smoothing": 0.65}],
)
_GRANULARITIES: Sequence[Mapping[str, Any]] = (
    {},
    {"embeddings": "fp32"},
    {"bits": 7},
    {"bits": 7, "embeddings": "fp32"},
    {"granularity": "tensor"},
)
_WORTH = 0.97  # what is not plain must be nearer by 3 %
_LARGEST_SHARE = 0.75  # of the weights in fp32: more is no int8 model

Say = Callable[[str], None]


class Measured(Protocol):
    """What a gate measures."""

    @property
    def ratio(self) -> float:
        """How much is kept of what the gate is about, 1 for all."""
        ...


MeasuredT = TypeVar("MeasuredT", bound=Measured)


@dataclass
class QuantisedTower:
    """One tower on its way to int8.

    Attributes:
        graph: the fused fp32 graph.
        target: file that the quantised one is written to.
        rows: what choices are made by. expected: PyTorch's vectors of them.
    """

    graph: Path
    target: Path
    rows: Rows
    expected: Embeddings
    calibration: Calibration
    layers: list[Layer] = field(init=False)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        self.layers = layers_of(onnx.load(self.graph))
        release_memory()

    def write(self, recipe: Recipe) -> None:
        """Writes the graph that a recipe makes."""
        model = onnx.load(self.graph)  # not kept: two towers may be large
        onnx.save(quantise(model, self.layers, recipe, self.calibration), self.target)
        self.recipe = recipe
        del model
        release_memory()

    def distance(self, recipe: Recipe) -> float:
        """Mean of 1 − cosine to PyTorch's vectors."""
        self.write(recipe)
        vectors = Runner(self.target).encode(self.rows)
        return float(1 - (vectors * self.expected).sum(axis=1).mean())

    def choose_treatment(self) -> None:
        """Takes the treatment that is best, of those that cost no time."""
        best, least = self.recipe, self.distance(self.recipe)
        for values in _TREATMENTS:
            best, least = self._better(best, least, values)
        self.write(best)

    def choose_granularity(self) -> None:
        """Tries what a bundle is larger for, or what helps on other processors only."""
        best = least = None
        for changes in _GRANULARITIES:
            candidate = replace(self.recipe, **changes)
            distance = self.distance(candidate)
            if least is None or distance < least * _WORTH:
                best, least = candidate, distance
        if best is not None:
            self.write(best)

    def _better(
        self, recipe: Recipe, least: float, values: Sequence[Mapping[str, Any]]
    ) -> tuple[Recipe, float]:
        """The best value of one knob; the first that does not help ends the search."""
        best = recipe
        for changes in values:
            candidate = replace(recipe, **changes)
            distance = self.distance(candidate)
            if distance > least * (_WORTH if best == recipe else 1.0):
                break
            best, least = candidate, distance
        return best, least

    def damages(self) -> dict[str, float]:
        """`Layer.name` → how much nearer the vectors are with it in fp32, for each weight."""
        base = self.distance(self.recipe)
        recipe = self.recipe
        found = {
            layer.name: (base - self.distance(replace(recipe, keep=frozenset({layer.name}))))
            / layer.size
            for layer in self.layers
        }
        self.write(recipe)
        return found


@dataclass(frozen=True)
class Found(Generic[MeasuredT]):
    """What the search came to.

    Attributes:
        quality: of what stands in the towers' files.
        passed: whether it is within the limit.
        steps: what was tried: fp32 layers and ratio.
    """

    quality: MeasuredT
    passed: bool
    steps: list[tuple[int, float]]


def find_recipe(
    towers: Mapping[str, QuantisedTower],
    measure: Callable[[], MeasuredT],
    least_ratio: float,
    say: Say,
    of: str = "PyTorch's MRR",
) -> Found[MeasuredT]:
    """Leaves in the towers' files the fastest graphs found that pass, or the last ones tried.

    Args:
        measure: takes the quality of what stands in the towers' files.
        of: what its ratio is a share of.
    """
    for tower in towers.values():
        tower.choose_treatment()
    search = _Search(towers, measure, least_ratio, say, of)
    if search.passes(0):
        return search.found(passed=True)
    search.widen()
    if search.passes(0):
        return search.found(passed=True)
    search.rank()
    failed, count = 0, 1
    while not search.passes(count):
        if count >= search.most:
            return search.found(passed=False)
        failed, count = count, min(2 * count, search.most)
    while count - failed > max(1, count // 4):
        middle = (failed + count) // 2
        if search.passes(middle):
            count = middle
        else:
            failed = middle
    search.settle(count)
    return search.found(passed=True)


class _Search(Generic[MeasuredT]):
    """Tries with more or fewer layers in fp32."""

    def __init__(
        self,
        towers: Mapping[str, QuantisedTower],
        measure: Callable[[], MeasuredT],
        least_ratio: float,
        say: Say,
        of: str,
    ) -> None:
        self._towers, self._measure = towers, measure
        self._least, self._say, self._of = least_ratio, say, of
        self._ranked: list[tuple[str, str]] = []
        self._tried: dict[int, MeasuredT] = {}
        self._now = 0
        self.most = 0

    def widen(self) -> None:
        """Tries other granularities."""
        self._say("trying other granularities")
        for tower in self._towers.values():
            tower.choose_granularity()

    def rank(self) -> None:
        """Orders the layers of all towers, those that do the most damage for their size first."""
        self._say("measuring how much each layer loses")
        damage = {
            (role, layer): value
            for role, tower in self._towers.items()
            for layer, value in tower.damages().items()
        }
        self._ranked = sorted(damage, key=lambda key: -damage[key])
        sizes = {
            (role, layer.name): layer.size
            for role, tower in self._towers.items()
            for layer in tower.layers
        }
        shares = np.cumsum([sizes[key] for key in self._ranked]) / sum(sizes.values())
        self.most = max(1, int((shares <= _LARGEST_SHARE).sum()))

    def passes(self, count: int) -> bool:
        """Whether it is good enough with the first `count` layers in fp32."""
        if count:
            self._write(count)
        self._now = count
        self._tried[count] = quality = self._measure()
        kept = f"{count} layers in fp32" if count else "every layer in int8"
        verdict = "enough" if quality.ratio >= self._least else "not enough"
        self._say(f"{kept}: {quality.ratio:.2%} of {self._of}, {verdict}")
        return quality.ratio >= self._least

    def settle(self, count: int) -> None:
        """Goes back to a number that was tried."""
        if count != self._now:
            self._write(count)
            self._now = count

    def found(self, *, passed: bool) -> Found[MeasuredT]:
        """What is in the files now."""
        steps = [(count, quality.ratio) for count, quality in self._tried.items()]
        return Found(self._tried[self._now], passed, steps)

    def _write(self, count: int) -> None:
        for role, tower in self._towers.items():
            keep = frozenset(layer for its, layer in self._ranked[:count] if its == role)
            tower.write(replace(tower.recipe, keep=keep))
