"""Exports a static model: its table in int8, held against PyTorch like every other graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from codeindex.bundle import CORPUS, MODEL, TOKENIZER
from codeindex.static_table import REPEATS, quantised
from codeindex_torch.export.gate import EXACT_COSINE, Quality, Vectors, quality
from codeindex_torch.export.graphs import GateFailedError, Made
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.prepared import Prepared
from codeindex_torch.export.runner import Runner, speeds
from codeindex_torch.export.static_graph import places, static_graph
from codeindex_torch.loading import LoadedModel
from codeindex_torch.static_tower import POWER, StaticTower


@dataclass(frozen=True)
class Files:
    """What graphs were written, and what the manifest must say of them.

    Attributes:
        manifest: ``static`` of an int8 table, which is read without the graph; else empty.
    """

    made: Made
    manifest: Mapping[str, Any] = field(default_factory=dict)


def write_static(
    model: LoadedModel, prepared: Prepared, folder: Path, options: ExportOptions
) -> Files:
    """Writes ``model.onnx`` and ``tokenizer.json``.

    Raises:
        GateFailedError: the graph is too far from PyTorch.
    """
    table = cast(StaticTower, model.dual.query).table().numpy()
    int8 = options.precision == "int8"
    rows, scales = quantised(table) if int8 else (table, np.ones(len(table), np.float32))
    graph = static_graph(rows, scales, POWER, options.opset)
    (folder / MODEL).write_bytes(graph)
    definition = json.loads(model.tokens().definition)
    definition |= {"truncation": None, "padding": None}
    text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
    (folder / TOKENIZER).write_text(text, "utf-8")
    runner = Runner(folder / MODEL)
    found = _measured(prepared, runner)
    _check(found, options)
    name = f"onnx {options.precision}"
    seconds = speeds({name: runner}, prepared.texts.tuning[CORPUS])
    recipe = {"both": {"rows": "int8, a scale each"}} if int8 else {}
    manifest = {"static": {**places(graph), "repeats": _repeats()}} if int8 else {}
    return Files(Made(found, {"both": {}}, recipe, {}, [], seconds), manifest)


def _measured(prepared: Prepared, runner: Runner) -> Quality:
    texts, expected = prepared.texts, prepared.reference.vectors
    halves = None if expected.halves is None else runner.encode(texts.halves)
    return quality(
        expected, Vectors(runner.encode(texts.queries), runner.encode(texts.corpus), halves)
    )


def _check(found: Quality, options: ExportOptions) -> None:
    least = EXACT_COSINE if options.precision == "fp32" else -1.0
    if found.ratio < options.min_recall_ratio or found.cosine["min"] < least:
        raise GateFailedError(
            f"the table in {options.precision} keeps {found.ratio:.2%} of PyTorch's MRR, lowest"
            f" cosine {found.cosine['min']:.5f}; {options.min_recall_ratio:.2%} is needed. No"
            " bundle was written"
        )


def _repeats() -> str:
    """The name of what repeats of a token count."""
    return next(name for name, power in REPEATS.items() if power == POWER)
