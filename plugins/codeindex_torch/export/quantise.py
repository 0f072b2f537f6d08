"""A fused fp32 graph → int8, as a recipe says: u8 activations, s8 weights.

Each quantised product becomes ``DynamicQuantizeLinear → MatMulIntegerToFloat`` (or
``QAttention``): kernels of ONNX Runtime that run on VNNI and AMX. They are written here and
not by ``onnxruntime.quantization``, which cannot treat layers differently and works on files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from codeindex_torch.export.recipe import Calibration, Layer, Recipe

MICROSOFT = "com.microsoft"
_TABLE_ROWS = 1000  # fewer rows are not worth it: positions, types
_ATTENTION = ("num_heads", "mask_filter_value", "scale", "unidirectional")

Floats = npt.NDArray[np.float32]


def quantise(
    model: onnx.ModelProto, layers: Sequence[Layer], recipe: Recipe, calibration: Calibration
) -> onnx.ModelProto:
    """A new graph; `model` is not changed.

    Args:
        layers: of `model`.
        calibration: needed for smoothing and limits only.
    """
    work = _Work(
        {item.name: item for item in model.graph.initializer},
        {layer.node: layer for layer in layers if layer.name not in recipe.keep},
        recipe,
        calibration,
    )
    biases = _biases(model, work)
    folded = {add.output[0] for _, add in biases.values()}
    for node in model.graph.node:
        if node.output[0] in folded:
            continue
        if node.name in work.layers:
            work.product(node, *biases.get(node.name, ("", node)))
        elif node.op_type == "Gather" and recipe.embeddings != "fp32":
            work.lookup(node)
        else:
            work.nodes.append(node)
    used = {name for node in work.nodes for name in node.input}
    kept = [item for name, item in work.weights.items() if name in used]
    graph = helper.make_graph(
        work.nodes,
        model.graph.name,
        list(model.graph.input),
        list(model.graph.output),
        kept + work.made,
    )
    opsets = [item for item in model.opset_import if item.domain != MICROSOFT]
    return helper.make_model(
        graph,
        opset_imports=[*opsets, helper.make_opsetid(MICROSOFT, 1)],
        ir_version=model.ir_version,
        producer_name="codeindex",
    )


def _biases(model: onnx.ModelProto, work: _Work) -> dict[str, tuple[str, onnx.NodeProto]]:
    """Node of a product → the constant that is added to it and to nothing else, and by which node.

    The kernel adds it in passing.
    """
    takers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    found = {}
    for node in model.graph.node:
        if node.op_type != "MatMul" or node.name not in work.layers:
            continue
        after = takers.get(node.output[0], [])
        if len(after) != 1 or after[0].op_type != "Add":
            continue
        other = next(name for name in after[0].input if name != node.output[0])
        if other in work.weights and len(work.weights[other].dims) == 1:
            found[node.name] = (other, after[0])
    return found


@dataclass
class _Work:
    """The new graph as it grows."""

    weights: dict[str, onnx.TensorProto]
    layers: dict[str, Layer]
    recipe: Recipe
    calibration: Calibration
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    made: list[onnx.TensorProto] = field(default_factory=list)
    quantised: dict[tuple[str, str], tuple[str, str, str]] = field(default_factory=dict)

    def product(self, node: onnx.NodeProto, bias: str, last: onnx.NodeProto) -> None:
        """Replaces a product with a constant matrix.

        Args:
            bias: initializer that is added; empty for none.
            last: the node that adds it, or else `node`.
        """
        layer = self.layers[node.name]
        weight: Floats = numpy_helper.to_array(self.weights[layer.weight]).astype(np.float32)
        activation, weight = self._smoothed(layer, weight)
        values, scales = quantised_weight(weight, self.recipe)
        name = layer.name
        matrix = self._constant(f"{name}.int8", values)
        scale = self._constant(f"{name}.scale", scales)
        zero = self._constant(f"{name}.zero", np.zeros(scales.shape, np.int8))
        ids, ids_scale, ids_zero = self._activation(layer, activation)
        if node.op_type == "MatMul":
            inputs = [ids, matrix, ids_scale, scale, ids_zero, zero]
            inputs += [bias] if bias else []
            made = helper.make_node(
                "MatMulIntegerToFloat", inputs, list(last.output), node.name, domain=MICROSOFT
            )
        else:
            mask = node.input[3] if len(node.input) > 3 else ""
            inputs = [ids, matrix, node.input[2], ids_scale, scale, mask, ids_zero, zero]
            made = helper.make_node(
                "QAttention", inputs, list(node.output), node.name, domain=MICROSOFT
            )
            made.attribute.extend(item for item in node.attribute if item.name in _ATTENTION)
        self.nodes.append(made)

    def lookup(self, node: onnx.NodeProto) -> None:
        """Replaces a look-up of token vectors: the rows are made float after it."""
        table = self.weights.get(node.input[0])
        if table is None or len(table.dims) != 2 or table.dims[0] < _TABLE_ROWS:
            self.nodes.append(node)
            return
        rows: Floats = numpy_helper.to_array(table)  # (tokens, hidden)
        largest = np.abs(rows).max(axis=1, keepdims=True)
        if self.recipe.embeddings == "table":
            largest = np.full_like(largest, largest.max())
        scales = np.maximum(largest / 127, np.finfo(np.float32).tiny).astype(np.float32)
        name, (target,) = node.name, node.output
        values = self._constant(f"{name}.int8", np.rint(rows / scales).astype(np.int8))
        scale = self._constant(f"{name}.scale", scales)
        self.nodes += [
            helper.make_node("Gather", [values, node.input[1]], [f"{target}.int8"]),
            helper.make_node(
                "Cast", [f"{target}.int8"], [f"{target}.float"], to=onnx.TensorProto.FLOAT
            ),
            helper.make_node("Gather", [scale, node.input[1]], [f"{target}.scale"]),
            helper.make_node("Mul", [f"{target}.float", f"{target}.scale"], [target], name),
        ]

    def _smoothed(self, layer: Layer, weight: Floats) -> tuple[str, Floats]:
        """Divides the channels of what comes in and multiplies the weights' rows by as much."""
        if not self.recipe.smoothing or not layer.after_norm:
            return layer.activation, weight
        factors = smoothing_factors(
            self.calibration[layer.name].largest, weight, self.recipe.smoothing
        )
        divisor = self._constant(f"{layer.name}.smooth", (1 / factors).astype(np.float32))
        smooth = f"{layer.activation}.{layer.name}.smooth"
        self.nodes.append(helper.make_node("Mul", [layer.activation, divisor], [smooth]))
        return smooth, (weight * factors[:, None]).astype(np.float32)

    def _activation(self, layer: Layer, activation: str) -> tuple[str, str, str]:
        """Quantises what comes in, once for all layers that take the same: values, scale, zero."""
        limits = limits_of(layer, self.recipe, self.calibration)
        key = (activation, layer.name if limits else "")
        if key not in self.quantised:
            name = f"{activation}.{layer.name}"
            names = (f"{name}.u8", f"{name}.u8.scale", f"{name}.u8.zero")
            if limits is None:
                self.nodes.append(helper.make_node("DynamicQuantizeLinear", [activation], names))
            else:
                scale, zero = scale_and_zero(*limits)
                self._constant(names[1], scale)
                self._constant(names[2], zero)
                inputs = [activation, *names[1:]]
                self.nodes.append(helper.make_node("QuantizeLinear", inputs, names[:1]))
            self.quantised[key] = names
        return self.quantised[key]

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.made.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def quantised_weight(weight: Floats, recipe: Recipe) -> tuple[npt.NDArray[np.int8], Floats]:
    """(in, out) → int8 values and float32 scales (out,), symmetric."""
    top = 2 ** (recipe.bits - 1) - 1
    largest = np.abs(weight).max(axis=0)
    if recipe.granularity == "tensor":
        largest = np.full_like(largest, largest.max())
    scales = np.maximum(largest / top, np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales


def smoothing_factors(largest: Floats, weight: Floats, alpha: float) -> Floats:
    """Factors (in,) whose geometric mean is 1: the larger a channel's values, the larger."""
    ours = np.maximum(largest, 1e-5) ** alpha
    factors = ours / np.maximum(np.abs(weight).max(axis=1), 1e-5) ** (1 - alpha)
    factors = factors / np.exp(np.log(factors).mean())
    clipped: Floats = np.clip(factors, 1e-2, 1e2).astype(np.float32)
    return clipped


def limits_of(layer: Layer, recipe: Recipe, calibration: Calibration) -> tuple[float, float] | None:
    """The range that a layer tells apart; None where each batch has its own."""
    if not recipe.limit or layer.after_norm:
        return None
    seen = calibration[layer.name]
    limit = recipe.limit * seen.typical
    if max(-seen.low, seen.high) <= limit:
        return None  # nothing stands out
    return max(seen.low, -limit), min(seen.high, limit)


def scale_and_zero(
    low: float, high: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Scale and zero point of a range, in which 0 is exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, float(np.finfo(np.float32).tiny))
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)
