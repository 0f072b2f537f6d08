"""OnnxEncoder: the encoder of a bundle, run by ONNX Runtime on CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from codeindex.errors import UsageError
from codeindex.interfaces import EncoderInfo
from codeindex.vectors import Embeddings
from codeindex_onnx.bundle import CORPUS, QUERY, Tower, read_bundle
from codeindex_onnx.tokenization import TokenIds

TOKENS_PER_BATCH = 16_384
"""Texts times longest text of a batch: bounds memory, whatever the lengths."""

TEXTS_PER_ROUND = 1024
"""Texts that are tokenised and sorted together."""


class OnnxEncoder:
    """Unit vectors from a bundle. Results keep the input's order and do not depend on batches."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Reads and checks the bundle.

        Raises:
            NotFoundError, UsageError: see `read_bundle`.
        """
        bundle = read_bundle(folder)
        self._info = EncoderInfo(
            f"{bundle.name} {bundle.version}", bundle.fingerprint, bundle.dim, bundle.max_tokens
        )
        corpus = bundle.towers[CORPUS]
        self._corpus = _Runner(corpus, self._info, threads, folder)
        query = bundle.towers[QUERY]
        self._query = (
            self._corpus if query == corpus else _Runner(query, self._info, threads, folder)
        )

    @property
    def info(self) -> EncoderInfo:
        """What it is."""
        return self._info

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim)."""
        return self._query.encode(texts)

    def encode_corpus(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim)."""
        return self._corpus.encode(texts)


class _Runner:
    """One tower, loaded."""

    def __init__(self, tower: Tower, info: EncoderInfo, threads: int, folder: Path) -> None:
        self._info = info
        self._prompt = tower.prompt
        try:
            self._tokenizer = TokenIds(tower.tokenizer, info.max_tokens)
        except ValueError as error:
            raise UsageError(f"cannot load the tokenizer of {folder}: {error}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A thread that waits must not burn the core that tokenising needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it keeps the largest batch's memory for ever
        try:
            self._session = onnxruntime.InferenceSession(
                tower.model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common class
            raise UsageError(f"cannot load the model of {folder}: {error}") from error
        shape = self._session.get_outputs()[0].shape
        if shape[-1] != info.dim:
            raise UsageError(f"{folder}: the model gives {shape[-1]} dimensions, not {info.dim}")

    def encode(self, texts: Sequence[str]) -> Embeddings:
        vectors = np.zeros((len(texts), self._info.dim), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_PER_ROUND):
            part = texts[start : start + TEXTS_PER_ROUND]
            ids = self._tokenizer.of([self._prompt + text for text in part])
            for batch in _batches([len(row) for row in ids]):
                vectors[[start + row for row in batch]] = self._run([ids[row] for row in batch])
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


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in batches of like length, each within the budget of tokens."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Sorted upwards: the row at hand is the longest of its batch.
        if batch and (len(batch) + 1) * max(1, lengths[row]) > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
