"""Token ids → vectors by ONNX Runtime: what a bundle will do, before it is one."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from codeindex.batching import Batch, batches, run_batches
from codeindex.vectors import Embeddings
from codeindex_torch.export.memory import release_memory
from codeindex_torch.export.recipe import Calibration, Layer, Range

TOKENS_PER_BATCH = 512  # what the encoder `onnx` takes, too
Rows = Sequence[Sequence[Any]]
"""Token ids of texts; or what a runner of another kind of graph is fed with."""


class Runner:
    """One graph, loaded from a file and run as the encoder `onnx` does: a batch a thread."""

    output: ClassVar[str] = "sentence_embedding"

    def __init__(self, path: Path) -> None:
        """Loads it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            path,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],  # as the encoder `onnx` loads it
        )
        self._dim = int(self._session.get_outputs()[0].shape[-1])
        # Ranges of int8 span a batch: such texts are served alone, and so they are checked.
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            self._each_alone = content.find(b"DynamicQuantizeLinear") >= 0

    def encode(self, rows: Rows) -> Embeddings:
        """Vectors (len(rows), dim), computed in batches of like length."""
        vectors = np.zeros((len(rows), self._dim), dtype=np.float32)

        def work(batch: Batch) -> None:
            fed = self._fed([rows[row] for row in batch])
            vectors[batch] = self._session.run([self.output], fed)[0]

        tokens = 1 if self._each_alone else TOKENS_PER_BATCH
        parts = list(batches([len(row) for row in rows], tokens))
        run_batches(work, parts, available_cores())
        return vectors

    def seconds(self, rows: Rows) -> float:
        """Wall time of `encode`."""
        began = time.perf_counter()
        self.encode(rows)
        return time.perf_counter() - began

    def outputs(self, names: Sequence[str], row: Sequence[Any]) -> list[npt.NDArray[Any]]:
        """Tensors of the graph for one text."""
        found: list[npt.NDArray[Any]] = self._session.run(list(names), self._fed([row]))
        return found

    def _fed(self, rows: Rows) -> dict[str, npt.NDArray[np.int64]]:
        """What the graph takes for these rows."""
        return padded(rows)


def padded(rows: Rows) -> dict[str, npt.NDArray[np.int64]]:
    """``input_ids`` and ``attention_mask``, both (rows, longest)."""
    longest = max(1, max(map(len, rows)))
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def calibrate(
    graph: Path, layers: Sequence[Layer], rows: Rows, work: Path, load: type[Runner] = Runner
) -> Calibration:
    """Runs texts through the fp32 graph and looks at what comes into each layer.

    Args:
        work: folder for a copy of the graph that gives them out.
        load: what runs it.
    """
    names = sorted({layer.activation for layer in layers})
    model = onnx.load(graph)
    for name in names:
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    path = work / "calibration.onnx"
    onnx.save(model, path)
    del model
    release_memory()
    seen: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in names}
    tokens: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in names}
    runner = load(path)
    for row in rows:
        for name, value in zip(names, runner.outputs(names, row), strict=True):
            flat = value.reshape(-1, value.shape[-1])  # (tokens, in)
            seen[name].append(np.stack([flat.min(axis=0), flat.max(axis=0)]))
            tokens[name].append(np.abs(flat).max(axis=1))
    path.unlink()
    ranges = {name: _range(seen[name], tokens[name]) for name in names}
    return {layer.name: ranges[layer.activation] for layer in layers}


def _range(seen: Sequence[npt.NDArray[Any]], tokens: Sequence[npt.NDArray[Any]]) -> Range:
    stacked = np.stack(seen)  # (texts, 2, in)
    low, high = stacked[:, 0].min(axis=0), stacked[:, 1].max(axis=0)
    typical = float(np.median(np.concatenate(list(tokens))))
    largest = np.maximum(-low, high).astype(np.float32)
    return Range(largest, float(low.min()), float(high.max()), typical)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def speeds(runners: Mapping[str, Runner], rows: Rows, rounds: int = 2) -> dict[str, float]:
    """Texts a second of each, the best of `rounds` that take turns."""
    best: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, runner in runners.items():
            seconds = runner.seconds(rows)
            if number:  # the first one warms up
                best[name] = min(best.get(name, seconds), seconds)
    return {name: len(rows) / seconds for name, seconds in best.items()}
