"""A graph as exported → the same with attention, GELU and layer norms fused for ONNX Runtime.

The optimiser copies the model several times. It is given one without the matrices that it does
not look at: a large model would take gigabytes, else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from codeindex_torch.export.memory import release_memory

FUSED_TYPES = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet"})
_LARGE = 100_000  # weights of a matrix that is worth leaving out


def fuse(source: Path, target: Path, config: Any) -> dict[str, int]:
    """Writes the fused graph: (operator → how many were made).

    Only for a type of model in `FUSED_TYPES`. Any other is simplified by ONNX Runtime itself,
    when it is loaded.
    """
    bare = _without_large(source)
    release_memory()
    counts = _fuse(bare, config)
    whole = onnx.load(source)
    weights = {item.name: item for item in whole.graph.initializer}
    for item in bare.graph.initializer:
        if _is_left_out(item):
            item.raw_data = weights[item.name].raw_data
    del weights, whole
    release_memory()
    onnx.save(bare, target)
    del bare
    release_memory()
    return counts


def _fuse(model: onnx.ModelProto, config: Any) -> dict[str, int]:
    """Fuses in place."""
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_by_fusion

    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False  # it cannot be quantised, and gains nothing here
    # The kernel that adds and normalises in one is several times as slow as the two it replaces.
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    fused = optimize_by_fusion(
        model,
        "bert",
        num_heads=int(config.num_attention_heads),
        hidden_size=int(config.hidden_size),
        optimization_options=options,
    )
    fused.topological_sort()
    if fused.model is not model:
        model.CopyFrom(fused.model)
    counts: dict[str, int] = dict(fused.get_fused_operator_statistics())
    return {name: count for name, count in counts.items() if count}


def _without_large(source: Path) -> onnx.ModelProto:
    """The graph, the larger matrices without their values.

    Square ones stay whole: fusing attention joins those of query, key and value.
    """
    whole = onnx.load(source)
    bare = onnx.ModelProto()
    for item in whole.graph.initializer:
        rows, columns = item.dims if len(item.dims) == 2 else (0, 0)
        if rows * columns >= _LARGE and rows != columns and item.raw_data:
            kept = onnx.TensorProto(name=item.name, data_type=item.data_type, dims=item.dims)
        else:
            kept = item
        bare.graph.initializer.append(kept)
    bare.graph.node.extend(whole.graph.node)
    bare.graph.input.extend(whole.graph.input)
    bare.graph.output.extend(whole.graph.output)
    bare.graph.value_info.extend(whole.graph.value_info)
    bare.graph.name = whole.graph.name
    bare.ir_version = whole.ir_version
    bare.opset_import.extend(whole.opset_import)
    return bare


def _is_left_out(item: onnx.TensorProto) -> bool:
    return not item.raw_data and len(item.dims) == 2 and item.dims[0] * item.dims[1] >= _LARGE
