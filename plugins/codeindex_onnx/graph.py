"""Models as ONNX graphs, run by ONNX Runtime in batches of like length."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime

from codeindex.batching import batches
from codeindex.vectors import Embeddings

TOKENS_PER_BATCH = 16_384
"""Texts times longest text of a batch: bounds memory, whatever the lengths."""


class GraphModel:
    """``input_ids, attention_mask → sentence_embedding``."""

    def __init__(self, model: bytes, dim: int, threads: int) -> None:
        """Takes the bytes of ``model.onnx``.

        Raises:
            ValueError: it is none, or gives vectors of another dimension.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A thread that waits must not burn the core that tokenising needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it keeps the largest batch's memory for ever
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common class
            raise ValueError(str(error)) from error
        self._dim = self._session.get_outputs()[0].shape[-1]
        if self._dim != dim:
            raise ValueError(f"the model gives {self._dim} dimensions, not {dim}")

    def encode(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        """Vectors (len(ids), dim), in the order of `ids`."""
        vectors = np.zeros((len(ids), self._dim), dtype=np.float32)
        for batch in batches([len(row) for row in ids], TOKENS_PER_BATCH):
            vectors[batch] = self._run([ids[row] for row in batch])
        return vectors

    def _run(self, rows: Sequence[Sequence[int]]) -> Embeddings:
        longest = max(1, max(map(len, rows)))
        ids: npt.NDArray[np.int64] = np.zeros((len(rows), longest), dtype=np.int64)
        mask: npt.NDArray[np.int64] = np.zeros((len(rows), longest), dtype=np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        output = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return np.asarray(output, dtype=np.float32)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
