"""The first half of an export, with PyTorch: texts, reference vectors, raw graphs.

A large model must not be in memory twice: it is loaded, asked, written as a graph and let go
before the graph is looked at.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from codeindex.host import Host
from codeindex_torch.export.folder import ModelFacts, copy_licence, facts_of, write_tower_files
from codeindex_torch.export.graph import export_tower
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.reference import Reference, parameters, reference
from codeindex_torch.export.texts import (
    CheckTexts,
    check_texts,
    file_pairs,
    standard_library_pairs,
)
from codeindex_torch.loading import LoadedModel, load_model
from codeindex_torch.static_tower import StaticTower

_CHECK_OPERATIONS = 2.5e12
"""Multiplications and additions that one pass over the checked texts may take: half a minute on two
cores, whatever the size of the model."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """What is left of a model in PyTorch.

    Attributes:
        raw: folder of the bundle → file of its graph as exported.
        reference: PyTorch's vectors of `texts`.
        static: a static model itself, which is small; None of a Transformer.
    """

    facts: ModelFacts
    texts: CheckTexts
    reference: Reference
    raw: dict[str, Path]
    static: LoadedModel | None = None


def prepare(
    checkpoint: str, target: Path, options: ExportOptions, host: Host, folder: Path, say: Say
) -> Prepared:
    """Loads, asks and exports a model.

    Args:
        target: what the bundle is called after.
        folder: where the bundle is being made; graphs go to its folder ``.work``.
    """
    say(f"loading {checkpoint}")
    model = load_model(checkpoint, pooling=options.pooling, max_length=options.max_length)
    texts = _texts(model, options, host, say)
    say(f"encoding {len(texts.corpus):,} pairs of {texts.source} with PyTorch")
    vectors = reference(model, texts)
    facts = facts_of(model, checkpoint, target, options.licence)
    copy_licence(Path(checkpoint), folder)
    if isinstance(model.dual.query, StaticTower):
        return Prepared(facts, texts, vectors, {}, model)  # a table is its own graph
    say("exporting the graph")
    raw: dict[str, Path] = {}
    for role, place in facts.places.items():
        if place in raw:
            continue
        tower = model.dual.query if role == "query" else model.dual.corpus
        write_tower_files(folder / place, tower, model)
        backbone = cast(Any, tower.backbone)
        backbone.set_attn_implementation("eager")  # the other ones cannot be traced, or not fused
        raw[place] = folder / ".work" / f"{facts.tower_name(place)}.raw.onnx"
        export_tower(tower, raw[place], options.opset)
    return Prepared(facts, texts, vectors, raw)


def _texts(model: LoadedModel, options: ExportOptions, host: Host, say: Say) -> CheckTexts:
    if options.check_pairs is not None:
        pairs, source = file_pairs(options.check_pairs, say), options.check_pairs.name
    else:
        say("collecting functions of Python's standard library to check with")
        pairs = standard_library_pairs(host)
        source = f"Python {platform.python_version()}'s standard library"
    operations = 2 * max(1, parameters(model.dual.corpus))  # for each token
    return check_texts(
        pairs,
        model.tokens(),
        model.prompts,
        source,
        token_budget=int(_CHECK_OPERATIONS / operations),
        limit=options.check_limit,
    )
