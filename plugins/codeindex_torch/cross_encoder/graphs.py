"""A raw graph → fused → int8, each step held against PyTorch's scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import onnx

from codeindex.joint_tokens import padded
from codeindex_torch.cross_encoder.agreement import ROUNDED, Agreement, agreement
from codeindex_torch.cross_encoder.graph import OUTPUT
from codeindex_torch.cross_encoder.groups import CheckRows
from codeindex_torch.export.fusing import FUSED_TYPES, fuse
from codeindex_torch.export.graphs import GateFailedError
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.recipe import Recipe, layers_of
from codeindex_torch.export.runner import Rows, Runner, calibrate, speeds
from codeindex_torch.export.search import QuantisedTower, find_recipe

Say = Callable[[str], None]

_OF = "PyTorch's ranking"


class JointRunner(Runner):
    """A graph that takes query and text as one row; `encode` gives its logits (rows, 1)."""

    output: ClassVar[str] = OUTPUT

    def _fed(self, rows: Rows) -> dict[str, npt.NDArray[np.int64]]:
        names = {item.name for item in self._session.get_inputs()}
        return {name: values for name, values in padded(rows).items() if name in names}


@dataclass(frozen=True)
class Expected:
    """What PyTorch gives.

    Attributes:
        measured, tuning: logits (rows, 1) of the rows of that name.
        rows_per_second: on the rows of `tuning`.
    """

    measured: npt.NDArray[np.float32]
    tuning: npt.NDArray[np.float32]
    rows_per_second: float


@dataclass
class Made:
    """The graph that stands in the bundle, and how good it is.

    Attributes:
        fused: operators that were fused and how many.
        recipe: `Recipe` as JSON; empty for fp32.
        layers: that could be int8.
        steps: of the search: fp32 layers and ratio.
        rows_per_second: by what ran.
    """

    quality: Agreement
    fused: Mapping[str, int] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    layers: int = 0
    steps: list[tuple[int, float]] = field(default_factory=list)
    rows_per_second: Mapping[str, float] = field(default_factory=dict)


class QuantisedCrossEncoder(QuantisedTower):
    """One on its way to int8: a tower whose vectors are scores."""

    def distance(self, recipe: Recipe) -> float:
        """Mean squared difference to PyTorch's scores, in their variance."""
        self.write(recipe)
        scores = JointRunner(self.target).encode(self.rows)
        variance = float(self.expected.var()) or 1.0
        return float(np.square(scores - self.expected).mean()) / variance


def make_graph(
    raw: Path,
    target: Path,
    config: Any,
    rows: CheckRows,
    expected: Expected,
    options: ExportOptions,
    say: Say,
) -> Made:
    """Writes ``model.onnx``.

    Args:
        raw: the graph as exported. config: of the model.

    Raises:
        GateFailedError: no graph was found that is near enough to PyTorch.
    """
    exact, fused = _exact(raw, config, rows, expected, options, say)
    if options.precision == "int8":
        made = _int8(exact, target, rows, expected, options, say)
    else:
        exact.rename(target)
        runner = JointRunner(target)
        made = Made(_measured(runner, rows, expected))
        made.rows_per_second = speeds({"onnx fp32": runner}, rows.tuning)
    made.fused = fused
    return made


def _measured(runner: Runner, rows: CheckRows, expected: Expected) -> Agreement:
    shape = -1, rows.candidates
    return agreement(expected.measured.reshape(shape), runner.encode(rows.measured).reshape(shape))


def _exact(
    raw: Path,
    config: Any,
    rows: CheckRows,
    expected: Expected,
    options: ExportOptions,
    say: Say,
) -> tuple[Path, Mapping[str, int]]:
    """The fp32 graph, fused where that can be done rightly."""
    if options.optimize and config.model_type in FUSED_TYPES:
        fused = raw.with_suffix(".fused.onnx")
        counts = fuse(raw, fused, config)
        difference = _measured(JointRunner(fused), rows, expected).difference
        if difference <= ROUNDED:
            return fused, counts
        say(f"fusing changes the scores (by {difference:.2g}); the graph is left as exported")
    difference = _measured(JointRunner(raw), rows, expected).difference
    if difference > ROUNDED:
        raise GateFailedError(
            f"the exported graph of a {config.model_type!r} cross-encoder differs from PyTorch: a"
            f" score by {difference:.2g} standard deviations, {ROUNDED} are allowed. No bundle was"
            " written"
        )
    return raw, {}


def _int8(
    exact: Path,
    target: Path,
    rows: CheckRows,
    expected: Expected,
    options: ExportOptions,
    say: Say,
) -> Made:
    say("looking for the best int8 version")
    layers = layers_of(onnx.load(exact, load_external_data=False))
    calibration = calibrate(exact, layers, rows.calibration, exact.parent, JointRunner)
    tower = QuantisedCrossEncoder(exact, target, rows.tuning, expected.tuning, calibration)
    found = find_recipe(
        {"both": tower},
        lambda: _measured(JointRunner(target), rows, expected),
        options.min_recall_ratio,
        say,
        _OF,
    )
    if not found.passed:
        best = max(ratio for _, ratio in found.steps)
        raise GateFailedError(
            f"int8 keeps at most {best:.2%} of {_OF}, even with"
            f" {max(count for count, _ in found.steps)} layers in fp32;"
            f" {options.min_recall_ratio:.2%} are needed. No bundle was written; use"
            " --precision fp32, or a lower --min-recall-ratio"
        )
    runners = {"onnx fp32": JointRunner(exact), "onnx int8": JointRunner(target)}
    return Made(
        found.quality,
        {},
        tower.recipe.as_json(),
        len(tower.layers),
        found.steps,
        speeds(runners, rows.tuning),
    )
