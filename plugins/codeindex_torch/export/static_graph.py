"""A table of token vectors → an ONNX graph that embeds a text by their weighted sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

IR_VERSION = 9  # read by ONNX Runtime 1.20 and later
_TENSORS = ("rows", "scales")


def static_graph(
    rows: npt.NDArray[Any], scales: npt.NDArray[np.float32], power: float, opset: int
) -> bytes:
    """The contents of a bundle's ``model.onnx``.

    A row's scale is at once the weight that its token has, so that nothing is dequantised but
    the rows at hand: ``mask * n ** (power - 1) * scales[ids] @ float(rows[ids])``, n being how
    often the token stands in its text: n times such a share is ``n ** power``.

    Args:
        rows: int8 or float32 (vocabulary, dim). scales: (vocabulary,).
        power: see `codeindex.static_table`.
    """
    node = helper.make_node
    nodes = [
        node("Gather", ["rows", "input_ids"], ["rows_at"], axis=0),
        node("Cast", ["rows_at"], ["vectors"], to=TensorProto.FLOAT),  # (batch, seq, dim)
        node("Gather", ["scales", "input_ids"], ["token_scales"], axis=0),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Mul", ["token_scales", "mask"], ["in_full"]),  # (batch, seq)
        *_shares(),
        node("Unsqueeze", ["weights", "one"], ["weights_row"]),  # (batch, 1, seq)
        node("MatMul", ["weights_row", "vectors"], ["pooled_row"]),  # (batch, 1, dim)
        node("Squeeze", ["pooled_row", "one"], ["pooled"]),
        node("ReduceL2", ["pooled", "one"], ["norm"], keepdims=1),
        node("Max", ["norm", "tiny"], ["divisor"]),  # a text without tokens stays zero
        node("Div", ["pooled", "divisor"], ["sentence_embedding"]),
    ]
    constants = {
        "rows": rows,
        "scales": scales,
        "one": np.array([1], dtype=np.int64),
        "two": np.array([2], dtype=np.int64),
        "tiny": np.array([1e-12], dtype=np.float32),
        "least": np.array([1], dtype=np.float32),
        "share": np.array([power - 1], dtype=np.float32),
    }
    return _serialised(nodes, constants, rows.shape[1], opset)


def _shares() -> list[onnx.NodeProto]:
    """``in_full`` → ``weights``: each token's, divided by what its repeats take off."""
    node = helper.make_node
    return [
        node("Unsqueeze", ["input_ids", "two"], ["ids_down"]),  # (batch, seq, 1)
        node("Unsqueeze", ["input_ids", "one"], ["ids_across"]),  # (batch, 1, seq)
        node("Equal", ["ids_down", "ids_across"], ["same"]),  # (batch, seq, seq)
        node("Cast", ["same"], ["same_float"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "two"], ["mask_down"]),  # (batch, seq, 1)
        node("MatMul", ["same_float", "mask_down"], ["counts_down"]),  # (batch, seq, 1)
        node("Squeeze", ["counts_down", "two"], ["counts"]),
        node("Max", ["counts", "least"], ["times"]),  # padding stands nowhere
        node("Pow", ["times", "share"], ["shares"]),
        node("Mul", ["in_full", "shares"], ["weights"]),
    ]


def _serialised(
    nodes: list[onnx.NodeProto], constants: dict[str, npt.NDArray[Any]], dim: int, opset: int
) -> bytes:
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", dim])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "static_encoder", inputs, [output], initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION
    )
    model.producer_name = "codeindex"
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def places(model: bytes) -> dict[str, dict[str, object]]:
    """Where the table's tensors lie in a serialised graph; see `codeindex.static_table`."""
    found: dict[str, dict[str, object]] = {}
    for tensor in onnx.load_from_string(model).graph.initializer:
        if tensor.name in _TENSORS:
            array = numpy_helper.to_array(tensor)
            found[tensor.name] = {
                "offset": model.index(array.tobytes()),
                "dtype": array.dtype.name,
                "shape": list(array.shape),
            }
    return found
