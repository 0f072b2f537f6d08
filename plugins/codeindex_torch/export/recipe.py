"""Recipe: how a graph is quantised; and the parts of a graph that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import onnx

_NORMS = frozenset({"LayerNormalization", "SkipLayerNormalization", "SimplifiedLayerNormalization"})


@dataclass(frozen=True)
class Recipe:
    """What is done to a tower's graph. The default is the plainest int8: dynamic, per channel.

    Attributes:
        keep: layers that stay in fp32, by `Layer.name`.
        granularity: whether each output channel of a weight has its own scale.
        bits: of the weights; 7 where a processor without VNNI would overflow at 8
            (``reduce_range``).
        smoothing: 0, or how much of the outliers of a normalised activation goes into the
            weights (alpha of Xiao et al., "SmoothQuant", 2023).
        limit: 0, or largest activation that a layer tells apart where no norm bounds its input,
            in medians of the tokens' largest. Few tokens have values ten times as large as all
            others, and a range that holds them leaves nothing for the others.
        embeddings: whether the table of token vectors is int8: ``row`` with a scale a row,
            ``table`` with one for all, as quantising everything does.
    """

    keep: frozenset[str] = frozenset()
    granularity: Literal["channel", "tensor"] = "channel"
    bits: Literal[7, 8] = 8
    smoothing: float = 0.0
    limit: float = 0.0
    embeddings: Literal["fp32", "row", "table"] = "row"

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            "fp32_layers": sorted(self.keep),
            "granularity": self.granularity,
            "weight_bits": self.bits,
            "smoothing": self.smoothing,
            "activation_limit": self.limit,
            "embeddings": "fp32" if self.embeddings == "fp32" else f"int8 per {self.embeddings}",
        }


@dataclass(frozen=True, slots=True)
class Layer:
    """A product with a constant matrix: what quantising makes faster.

    Attributes:
        name: of the layer, short: ``layer.0.attention.qkv``.
        node: of the graph.
        activation: tensor that comes in. weight: initializer (in, out).
        size: weights that it has.
        after_norm: whether a layer norm bounds what comes in.
    """

    name: str
    node: str
    activation: str
    weight: str
    size: int
    after_norm: bool


@dataclass(frozen=True, slots=True)
class Range:
    """What a layer's input looked like on real texts.

    Attributes:
        largest: largest absolute value of each channel, (in,) float32.
        low, high: smallest and largest value.
        typical: median over tokens of the largest absolute value in a token.
    """

    largest: Any
    low: float
    high: float
    typical: float


Calibration = Mapping[str, Range]
"""`Layer.name` → what comes in there."""


def layers_of(model: onnx.ModelProto) -> list[Layer]:
    """The layers of a graph, in its order; attention that is fused counts as one."""
    weights = {item.name: item for item in model.graph.initializer}
    made_by = {
        output: node.op_type for node in model.graph.node for output in node.output[:1] if output
    }
    layers: list[Layer] = []
    for node in model.graph.node:
        if node.op_type not in ("MatMul", "Attention") or "projection" in node.name:
            continue  # the projection works on one row a text: nothing to gain
        weight = weights.get(node.input[1])
        if weight is None or len(weight.dims) != 2:
            continue
        layers.append(
            Layer(
                _short(node.name, sum(layer.name.endswith("qkv") for layer in layers)),
                node.name,
                node.input[0],
                node.input[1],
                weight.dims[0] * weight.dims[1],
                made_by.get(node.input[0]) in _NORMS,
            )
        )
    return layers


def _short(node: str, attentions: int) -> str:
    """``/backbone/encoder/layer.0/output/dense/MatMul`` → ``layer.0.output.dense``."""
    if node.startswith("Attention"):
        return f"layer.{attentions}.attention.qkv"
    parts = [part for part in node.split("/") if part]
    kept = [part for part in parts if part not in ("backbone", "encoder", "MatMul", "tower")]
    return ".".join(kept) or node


def without(recipe_layers: Sequence[Layer], keep: frozenset[str]) -> list[Layer]:
    """The layers that are quantised."""
    return [layer for layer in recipe_layers if layer.name not in keep]
