"""A table of token vectors → an ONNX graph that embeds a text by their weighted mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9  # read by ONNX Runtime 1.20 and later


def quantised(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 rows (vocab, dim) and their scales (vocab,): ``table ≈ rows * scales[:, None]``."""
    largest = np.abs(table).max(axis=1)
    scales = np.where(largest == 0, 1, largest / 127).astype(np.float32)
    rows = np.clip(np.rint(table / scales[:, None]), -127, 127).astype(np.int8)
    return rows, scales


def static_model(table: np.ndarray) -> onnx.ModelProto:
    """The model of a bundle.

    A row's scale is at once the weight that its token has in the mean, so that nothing is
    dequantised but the rows at hand: ``mask * scales[ids] @ float(rows[ids])``. The mean's
    divisor falls away in the normalisation.

    Args:
        table: float32 (vocab, dim), token weights multiplied in.
    """
    rows, scales = quantised(table)
    node = helper.make_node
    nodes = [
        node("Gather", ["rows", "input_ids"], ["rows_int8"], axis=0),
        node("Cast", ["rows_int8"], ["vectors"], to=TensorProto.FLOAT),  # (batch, seq, dim)
        node("Gather", ["scales", "input_ids"], ["token_scales"], axis=0),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Mul", ["token_scales", "mask"], ["weights"]),  # (batch, seq)
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
        "tiny": np.array([1e-12], dtype=np.float32),
    }
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info(
        "sentence_embedding", TensorProto.FLOAT, ["batch", table.shape[1]]
    )
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "static_encoder", inputs, [output], initializers)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    model.producer_name = "codeindex"
    onnx.checker.check_model(model)
    return model


def places(model: bytes) -> dict[str, dict[str, object]]:
    """Where the table's tensors lie in a serialised static model; see `codeindex_onnx.static`."""
    found: dict[str, dict[str, object]] = {}
    for tensor in onnx.load_from_string(model).graph.initializer:
        if tensor.name in ("rows", "scales"):
            array = numpy_helper.to_array(tensor)
            found[tensor.name] = {
                "offset": model.index(array.tobytes()),
                "dtype": array.dtype.name,
                "shape": list(array.shape),
            }
    return found


def read_table(model: Path) -> np.ndarray:
    """The float32 table (vocab, dim) that a static model holds, token weights included."""
    tensors = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load(str(model)).graph.initializer
    }
    return tensors["rows"].astype(np.float32) * tensors["scales"][:, None]
