"""The model that a new run begins with, by its architecture."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch

from codeindex.errors import UsageError
from codeindex.pairs import Pair
from codeindex_torch.loading import LoadedModel, load_model
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.towers import DualEncoder, Tower
from codeindex_torch.training.distilling import distilled
from codeindex_torch.training.options import TrainOptions


def new_model(
    options: TrainOptions, attention: str, pairs: Sequence[Pair], device: torch.device
) -> LoadedModel:
    """Loads what `--model` names and makes of it what is trained.

    Args:
        attention: implementation of attention of a Transformer.
        pairs: those trained on: a table's tokens are weighted by how rare they are there.

    Raises:
        NotFoundError, UsageError: see `load_model`; also if the options do not fit the model.
    """
    model = load_model(
        options.model,
        pooling=options.pooling,
        max_length=options.max_length if options.architecture == "transformer" else 0,
        attention=attention,
    )
    if options.architecture == "static":
        model = _static(model, options, pairs, device)
    elif isinstance(model.dual.query, StaticTower):
        raise UsageError(f"{options.model} is a static model: train it with --architecture static")
    else:
        model = _transformer(model, options)
    if max(options.cuts, default=0) >= (dim := model.dual.query.dim):
        raise UsageError(f"--matryoshka cuts below the {dim} dimensions that there are")
    return model


def _static(
    model: LoadedModel, options: TrainOptions, pairs: Sequence[Pair], device: torch.device
) -> LoadedModel:
    if not isinstance(model.dual.query, StaticTower):
        texts = [text for pair in pairs for text in (pair.anchor, pair.positive)]
        return distilled(model, texts, options.dim, device, options.max_length, options.add_words)
    if options.add_words:
        raise UsageError(f"{options.model} has its tokens already: --add-words cannot add any")
    if model.dual.query.dim != options.dim:
        raise UsageError(f"{options.model} has {model.dual.query.dim} dimensions: say --dim")
    return replace(model, max_length=options.max_length or model.max_length)


def _transformer(model: LoadedModel, options: TrainOptions) -> LoadedModel:
    if options.towers == "two":
        model = two_towers(model)
    elif not model.dual.shared:
        raise UsageError(f"{options.model} has two towers; train it with --towers two")
    if options.projection and model.dual.query.projection is None:
        torch.manual_seed(options.seed)
        towers = [
            Tower(tower.backbone, tower.pooling, options.projection)
            for tower in (model.dual.query, model.dual.corpus)
        ]
        corpus = towers[0] if model.dual.shared else towers[1]
        model = replace(model, dual=DualEncoder(towers[0], corpus))
    elif options.projection and model.dual.query.dim != options.projection:
        raise UsageError(f"{options.model} has a projection to {model.dual.query.dim} dimensions")
    return model


def two_towers(model: LoadedModel) -> LoadedModel:
    """The same model with a tower of its own for the corpus, begun from the same weights."""
    if not model.dual.shared:
        return model
    other = copy.deepcopy(model.dual.query)
    return replace(model, dual=DualEncoder(model.dual.query, other))
