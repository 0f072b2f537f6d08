"""A model → the folder of the best model, by what it is."""

from __future__ import annotations

from pathlib import Path

from codeindex_torch.folders import save_towers
from codeindex_torch.loading import LoadedModel
from codeindex_torch.static_folders import save_static
from codeindex_torch.static_tower import StaticTower


def save_model(folder: Path, model: LoadedModel) -> None:
    """Writes a folder that `load_model` reads; of Transformers, so do the usual libraries."""
    if isinstance(model.dual.query, StaticTower):
        save_static(folder, model)
    else:
        save_towers(folder, model.dual, model.tokenizer, model.max_length, model.prompts)
