"""Static models on disk: the table of a bundle to begin with, and the folder of the best model.

Such a folder holds ``static.json``, ``model.safetensors`` (vectors and the logarithms of their
weights, see `StaticTower`) and ``tokenizer.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from codeindex.bundle import CORPUS, MANIFEST, TOKENIZER, read_bundle
from codeindex.errors import UsageError
from codeindex.files import write_whole
from codeindex.static_table import read_static
from codeindex_torch.loading import LoadedModel
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.towers import DualEncoder

STATIC = "static.json"
_WEIGHTS = "model.safetensors"


def static_model(tower: StaticTower, definition: str, facts: Mapping[str, Any]) -> LoadedModel:
    """A model of one tower, ready to compute.

    Args:
        definition: the text of its ``tokenizer.json``.
        facts: name, max_length, prompts, base_model, licence.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    return LoadedModel(
        str(facts["name"]),
        DualEncoder(tower, tower).eval(),
        PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(definition)),
        int(facts["max_length"]),
        dict(facts["prompts"]),
        str(facts["base_model"]),
        str(facts["licence"]),
    )


def load_static(folder: Path, max_length: int) -> LoadedModel | None:
    """The static model in a folder or a bundle, reading `max_length` tokens, or as it says.

    Returns:
        None if there is something else, or nothing.

    Raises:
        NotFoundError, UsageError: what is there is incomplete, or damaged.
    """
    if (folder / MANIFEST).is_file():
        model = _of_bundle(folder)
    elif (folder / STATIC).is_file():
        model = _of_folder(folder)
    else:
        return None
    model.max_length = max_length or model.max_length
    return model


def save_static(folder: Path, model: LoadedModel) -> None:
    """Writes the folder of a static model."""
    from safetensors.torch import save_file

    tower = model.dual.query
    weights = {name: value.detach().cpu().contiguous() for name, value in tower.named_parameters()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / _WEIGHTS)
    (folder / TOKENIZER).write_text(model.tokenizer.backend_tokenizer.to_str(), "utf-8")
    write_whole(folder / STATIC, json.dumps(static_facts(model), indent=2) + "\n")


def static_facts(model: LoadedModel) -> dict[str, Any]:
    """What stands beside the weights, as `static_model` takes it."""
    return {
        "name": model.name,
        "max_length": model.max_length,
        "prompts": dict(model.prompts),
        "base_model": model.base_model,
        "licence": model.licence,
    }


def _of_folder(folder: Path) -> LoadedModel:
    from safetensors.torch import load_file

    try:
        facts = json.loads((folder / STATIC).read_text("utf-8"))
        weights = load_file(folder / _WEIGHTS)
        tower = StaticTower(weights["vectors"], weights["log_weights"].exp())
        definition = (folder / TOKENIZER).read_text("utf-8")
        return static_model(tower, definition, {**facts, "name": folder.absolute().name})
    except Exception as error:  # whatever a damaged file makes of the libraries
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"cannot load the static model in {folder}: {reason}") from error


def _of_bundle(folder: Path) -> LoadedModel:
    bundle = read_bundle(folder)
    bundle.confirm()
    its = bundle.towers[CORPUS]
    if its.static is None:
        raise UsageError(f"{folder} is a bundle without a static table: it cannot be trained")
    table = torch.from_numpy(read_static(its.model, its.static, bundle.dim).floats())
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    facts = {
        "name": folder.absolute().name,
        "max_length": bundle.max_tokens,
        "prompts": manifest.get("prompts") or {},
        "base_model": manifest.get("base_model", ""),
        "licence": manifest["licence"],
    }
    return static_model(StaticTower.of_table(table), bytes(its.tokenizer).decode(), facts)
