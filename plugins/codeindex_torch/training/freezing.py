"""Frozen layers: the lowest ones of a Transformer keep their weights, and cost no backward pass."""

from __future__ import annotations

from torch import nn

from codeindex.errors import UsageError
from codeindex_torch.towers import DualEncoder, Tower


def freeze(dual: DualEncoder, layers: int) -> None:
    """Takes the embeddings and the lowest `layers` layers of each tower out of training.

    What words mean by themselves is learned in the lowest layers and is kept, which also
    forgets less of what the model could do before (Howard and Ruder, 2018).

    Raises:
        UsageError: the model has fewer layers, or keeps them in an unknown way.
    """
    if not layers:
        return
    for tower in (dual.query, dual.corpus):
        stack = _stack(tower)
        if layers >= len(stack):
            raise UsageError(
                f"--freeze-layers {layers} leaves none of the model's {len(stack)} layers to train"
            )
        embeddings = tower.backbone.get_submodule("embeddings")
        for module in (embeddings, *stack[:layers]):
            module.requires_grad_(False)


def _stack(tower: Tower) -> nn.ModuleList:
    count = int(getattr(tower.config, "num_hidden_layers", 0))
    for module in tower.backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise UsageError("--freeze-layers: this model does not keep its layers in a list")
