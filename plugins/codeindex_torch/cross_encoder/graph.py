"""A cross-encoder → an ONNX graph."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from optimum.exporters.onnx.config import TextEncoderOnnxConfig
from optimum.exporters.onnx.convert import export_pytorch
from optimum.utils import NormalizedTextConfig
from torch import Tensor, nn

from codeindex.errors import UsageError

OUTPUT = "logits"


class _Graph(nn.Module):
    """What is traced: the model, whatever stands in the padding."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> dict[str, Tensor]:
        padding = int(self.config.pad_token_id or 0)
        # RoBERTa counts its positions by what is padding.
        ids = torch.where(attention_mask.bool(), input_ids, torch.full_like(input_ids, padding))
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return {OUTPUT: self.model(input_ids=ids, attention_mask=attention_mask, **types).logits}


class _GraphConfig(TextEncoderOnnxConfig):  # type: ignore[misc]
    """Names and dynamic axes, for `optimum`."""

    NORMALIZED_CONFIG_CLASS: ClassVar[Any] = NormalizedTextConfig
    names: Sequence[str] = ()

    @property
    def inputs(self) -> Mapping[str, Mapping[int, str]]:
        return {name: {0: "batch", 1: "sequence"} for name in self.names}

    @property
    def outputs(self) -> Mapping[str, Mapping[int, str]]:
        return {OUTPUT: {0: "batch"}}


def export_graph(model: Any, inputs: Sequence[str], target: Path, opset: int) -> None:
    """Writes the graph of a model, which must have been loaded with eager attention.

    Args:
        inputs: names of what it takes.

    Raises:
        UsageError: PyTorch cannot express this model in this opset.
    """
    config = _GraphConfig(model.config, task="text-classification")
    config.names = tuple(inputs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about Python that it follows once
            export_pytorch(_Graph(model).eval(), config, opset, target)
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"a cross-encoder of type {model.config.model_type!r} cannot be exported with opset"
            f" {opset}: {reason[:300]}"
        ) from error
