"""A tower → an ONNX graph with pooling and normalisation inside."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from optimum.exporters.onnx.config import TextEncoderOnnxConfig
from optimum.exporters.onnx.convert import export_pytorch
from optimum.utils import NormalizedTextConfig
from torch import Tensor, nn

from codeindex.errors import UsageError
from codeindex_torch.export.options import OPSET
from codeindex_torch.towers import Tower, pool


class _Graph(nn.Module):
    """What is traced: a tower with the outputs by name."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower
        self.config = tower.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        tower = self.tower
        padding = int(self.config.pad_token_id or 0)
        # Whatever stands in the padding: RoBERTa counts its positions by what is padding.
        ids = torch.where(attention_mask.bool(), input_ids, torch.full_like(input_ids, padding))
        hidden = tower.backbone(input_ids=ids, attention_mask=attention_mask)[0]
        pooled = pool(hidden, attention_mask, tower.pooling)
        if tower.projection is not None:
            pooled = tower.projection(pooled)
        norm = pooled.pow(2).sum(dim=-1, keepdim=True).sqrt().clamp(min=1e-12)
        # `sentence_embedding` comes first: fastembed takes the first output. The other one is
        # what sentence-transformers asks for, which pools by itself.
        return {"sentence_embedding": pooled / norm, "last_hidden_state": hidden}


class _GraphConfig(TextEncoderOnnxConfig):  # type: ignore[misc]
    """Names and dynamic axes, for `optimum`."""

    NORMALIZED_CONFIG_CLASS: ClassVar[Any] = NormalizedTextConfig
    DEFAULT_ONNX_OPSET = OPSET

    @property
    def inputs(self) -> Mapping[str, Mapping[int, str]]:
        axes = {0: "batch", 1: "sequence"}
        return {"input_ids": axes, "attention_mask": axes}

    @property
    def outputs(self) -> Mapping[str, Mapping[int, str]]:
        return {
            "sentence_embedding": {0: "batch"},
            "last_hidden_state": {0: "batch", 1: "sequence"},
        }


def export_tower(tower: Tower, target: Path, opset: int = OPSET) -> None:
    """Writes the graph of a tower, which must have been loaded with eager attention.

    Raises:
        UsageError: PyTorch cannot express this model in this opset.
    """
    config = _GraphConfig(tower.config, task="feature-extraction")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about Python that it follows once
            export_pytorch(_Graph(tower).eval(), config, opset, target)
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"a model of type {tower.config.model_type!r} cannot be exported with opset {opset}:"
            f" {reason[:300]}"
        ) from error
