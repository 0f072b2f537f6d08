"""The second half of an export: raw graphs → fused → int8, each step held against PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from codeindex.bundle import CORPUS, MODEL, QUERY
from codeindex.errors import CodeIndexError
from codeindex.vectors import Embeddings
from codeindex_torch.export.folder import ROLES
from codeindex_torch.export.fusing import FUSED_TYPES, fuse
from codeindex_torch.export.gate import EXACT_COSINE, ROUNDED_COSINE, Quality, Vectors, quality
from codeindex_torch.export.memory import release_memory
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.prepared import Prepared
from codeindex_torch.export.recipe import layers_of
from codeindex_torch.export.runner import Rows, Runner, calibrate, speeds
from codeindex_torch.export.search import QuantisedTower, find_recipe
from codeindex_torch.towers import Role

Say = Callable[[str], None]


class GateFailedError(CodeIndexError):
    """The graph is too far from PyTorch: there is no bundle."""


@dataclass
class Made:
    """The graphs that stand in the bundle, and how good they are.

    Attributes:
        fused: tower → operators that were fused and how many.
        recipes: tower → its `Recipe` as JSON; empty for fp32.
        layers: tower → layers that could be int8.
        steps: of the search: fp32 layers and ratio.
        texts_per_second: by what ran.
    """

    quality: Quality
    fused: dict[str, dict[str, int]] = field(default_factory=dict)
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    steps: list[tuple[int, float]] = field(default_factory=list)
    texts_per_second: dict[str, float] = field(default_factory=dict)


def make_graphs(prepared: Prepared, folder: Path, options: ExportOptions, say: Say) -> Made:
    """Writes ``model.onnx`` of each tower.

    Raises:
        GateFailedError: no graph was found that is near enough to PyTorch.
    """
    fused: dict[str, dict[str, int]] = {}
    exact: dict[str, Path] = {}
    for place, raw in prepared.raw.items():
        name = prepared.facts.tower_name(place)
        exact[place], fused[name] = _exact(prepared, place, raw, options, say)
    if options.precision == "int8":
        made = _int8(prepared, folder, exact, options, say)
    else:
        made = _fp32(prepared, folder, exact, options)
    made.fused = fused
    return made


def _exact(
    prepared: Prepared, place: str, raw: Path, options: ExportOptions, say: Say
) -> tuple[Path, dict[str, int]]:
    """The fp32 graph, fused where that can be done rightly."""
    config = prepared.facts.configs[place]
    if options.optimize and config.model_type in FUSED_TYPES:
        fused = raw.with_suffix(".fused.onnx")
        counts = fuse(raw, fused, config)
        lowest = _lowest_cosine(prepared, place, fused)
        if lowest >= EXACT_COSINE:
            raw.unlink()
            return fused, counts
        fused.unlink()
        say(f"fusing changes the vectors (cosine {lowest:.5f}); the graph is left as exported")
    lowest = _lowest_cosine(prepared, place, raw)
    if lowest < EXACT_COSINE:
        raise GateFailedError(
            f"the exported graph of a {config.model_type!r} model differs from PyTorch: lowest"
            f" cosine {lowest:.5f}, {EXACT_COSINE} is needed. No bundle was written"
        )
    return raw, {}


def _roles(prepared: Prepared, place: str) -> list[Role]:
    return [role for role in ROLES if prepared.facts.places[role] == place]


def _rows(texts: Mapping[str, Rows], roles: list[Role]) -> Rows:
    return [row for role in roles for row in texts[role]]


def _lowest_cosine(prepared: Prepared, place: str, graph: Path) -> float:
    vectors = Runner(graph).encode(_rows(prepared.texts.tuning, _roles(prepared, place)))
    return float((vectors * _expected(prepared, place)).sum(axis=1).min())


def _expected(prepared: Prepared, place: str) -> Embeddings:
    return np.concatenate([prepared.reference.tuning[role] for role in _roles(prepared, place)])


def measured(prepared: Prepared, files: Mapping[str, Path]) -> Quality:
    """Quality of the graphs that `files` names by role."""
    texts = prepared.texts
    corpus = Runner(files[CORPUS])
    shared = files[QUERY] == files[CORPUS]
    in_corpus = corpus.encode(texts.corpus)
    halves = None
    if prepared.reference.vectors.halves is not None:
        halves = corpus.encode(texts.halves)
    query = corpus
    if not shared:
        del corpus  # two large graphs need not be in memory together
        query = Runner(files[QUERY])
    return quality(
        prepared.reference.vectors, Vectors(query.encode(texts.queries), in_corpus, halves)
    )


def _targets(prepared: Prepared, folder: Path) -> dict[str, Path]:
    return {role: folder / place / MODEL for role, place in prepared.facts.places.items()}


def _fp32(
    prepared: Prepared, folder: Path, exact: Mapping[str, Path], options: ExportOptions
) -> Made:
    for place, graph in exact.items():
        graph.rename(folder / place / MODEL)
    targets = _targets(prepared, folder)
    found = measured(prepared, targets)
    lowest = found.cosine["min"]
    # Where all texts lie close together, rounding alone changes ranks.
    same = lowest >= ROUNDED_COSINE or found.ratio >= options.min_recall_ratio
    if lowest < EXACT_COSINE or not same:
        raise GateFailedError(
            f"the graph keeps {found.ratio:.2%} of PyTorch's MRR, lowest cosine"
            f" {lowest:.5f}; {options.min_recall_ratio:.2%} and {EXACT_COSINE} are"
            " needed. No bundle was written"
        )
    rows = prepared.texts.tuning[CORPUS]
    return Made(found, texts_per_second=speeds({"onnx fp32": Runner(targets[CORPUS])}, rows))


def _int8(
    prepared: Prepared,
    folder: Path,
    exact: Mapping[str, Path],
    options: ExportOptions,
    say: Say,
) -> Made:
    say("looking for the best int8 version")
    work = folder / ".work"
    towers: dict[str, QuantisedTower] = {}
    for place, graph in exact.items():
        roles = _roles(prepared, place)
        calibration = calibrate(
            graph,
            layers_of(onnx.load(graph, load_external_data=False)),
            _rows(prepared.texts.calibration, roles),
            work,
        )
        rows = _rows(prepared.texts.tuning, roles)
        name = prepared.facts.tower_name(place)
        towers[name] = QuantisedTower(
            graph, folder / place / MODEL, rows, _expected(prepared, place), calibration
        )
    targets = _targets(prepared, folder)
    found = find_recipe(towers, lambda: measured(prepared, targets), options.min_recall_ratio, say)
    if not found.passed:
        best = max(ratio for _, ratio in found.steps)
        raise GateFailedError(
            f"int8 keeps at most {best:.2%} of PyTorch's MRR, even with"
            f" {max(count for count, _ in found.steps)} layers in fp32;"
            f" {options.min_recall_ratio:.2%} are needed. No bundle was written; use"
            " --precision fp32, or a lower --min-recall-ratio"
        )
    recipes = {name: tower.recipe.as_json() for name, tower in towers.items()}
    layers = {name: len(tower.layers) for name, tower in towers.items()}
    release_memory()
    runners = {
        "onnx fp32": Runner(exact[prepared.facts.places[CORPUS]]),
        "onnx int8": Runner(targets[CORPUS]),
    }
    seconds = speeds(runners, prepared.texts.tuning[CORPUS])
    return Made(found.quality, {}, recipes, layers, found.steps, seconds)
