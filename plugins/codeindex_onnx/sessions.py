"""Sessions of ONNX Runtime, as every model of this plugin is loaded."""

from __future__ import annotations

import os

import onnxruntime

from codeindex.bundle import Data

_LEFT_OUT = ["SkipLayerNormFusion"]
"""The fused kernel is several times as slow as the two that it replaces."""

_RANGE_OF_A_BATCH = b"DynamicQuantizeLinear"
"""The operator of which one is enough; its name stands in the file as it is."""


def open_session(model: Data, threads: int) -> onnxruntime.InferenceSession:
    """Loads the contents of a ``model.onnx``; `threads` compute a batch.

    Raises:
        ValueError: it is none.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A thread that waits must not burn the core that tokenising needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it keeps the largest batch's memory for ever
    try:
        return onnxruntime.InferenceSession(
            bytes(model),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=_LEFT_OUT,
        )
    except Exception as error:  # onnxruntime's errors have no common class
        raise ValueError(str(error)) from error


def ranges_span_a_batch(model: Data) -> bool:
    """Whether its int8 finds the range of what it quantises anew in each batch."""
    return model.find(_RANGE_OF_A_BATCH) >= 0


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
