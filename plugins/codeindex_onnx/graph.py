"""Models as ONNX graphs, run by ONNX Runtime in small batches of like length, one a thread.

An int8 graph finds the range of what it quantises anew in each batch, so that a text's vector
would depend on what else is in its batch, and the vectors of an index on the order of its files.
There each text is a batch of its own, which costs little, since nothing is padded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime

from codeindex.batching import Batch, batches, run_batches
from codeindex.bundle import Data
from codeindex.vectors import Embeddings
from codeindex_onnx.sessions import available_cores, open_session, ranges_span_a_batch

TOKENS_PER_BATCH = 512
"""Texts times longest text of a batch. What a batch computes with stays in the core's own
cache, which makes int8 half as fast again as batches of 4,096; and it bounds memory: a few
dozen MB a thread, whatever the lengths and however many texts."""

OUTPUT = "sentence_embedding"


class GraphModel:
    """``input_ids, attention_mask → sentence_embedding``.

    A lone batch (a query) is computed by all threads together. From the first call with more,
    each thread computes batches of its own; the model is then loaded once more, for one thread
    a batch, and stays so: there is never a second copy of the weights.
    """

    def __init__(self, model: Data, dim: int, threads: int) -> None:
        """Takes the contents of ``model.onnx``.

        Args:
            model: the graph with its weights.
            dim: of the vectors.
            threads: at most so many compute; 0 for one a core.

        Raises:
            ValueError: it is none, or gives vectors of another dimension.
        """
        self._model = model
        self._dim = dim
        self._threads = threads or available_cores()
        self._each_alone = ranges_span_a_batch(model)
        self._open(self._threads)
        found = {output.name: output.shape[-1] for output in self._session.get_outputs()}.get(
            OUTPUT
        )
        if found is None:
            raise ValueError(f"the model has no output {OUTPUT!r}")
        if found != dim:
            raise ValueError(f"the model gives {found} dimensions, not {dim}")

    def encode(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        """Vectors (len(ids), dim), in the order of `ids`."""
        vectors = np.zeros((len(ids), self._dim), dtype=np.float32)
        tokens = 1 if self._each_alone else TOKENS_PER_BATCH
        parts = list(batches([len(row) for row in ids], tokens))
        session = self._session_for(len(parts))

        def work(batch: Batch) -> None:
            vectors[batch] = _run(session, [ids[row] for row in batch])

        run_batches(work, parts, self._threads)
        return vectors

    def _session_for(self, parts: int) -> onnxruntime.InferenceSession:
        if self._threads_a_batch > 1:
            forked = self._process != os.getpid()
            if forked:
                # A fork has the session but not its threads, for which freeing it would wait.
                self._orphan = self._session
            if parts > 1:
                self._open(1)
            elif forked:
                self._open(self._threads_a_batch)
        return self._session

    def _open(self, threads: int) -> None:
        """Loads the model; `threads` compute a batch."""
        self._session = open_session(self._model, threads)
        self._threads_a_batch = threads
        self._process = os.getpid()


def _run(session: onnxruntime.InferenceSession, rows: Sequence[Sequence[int]]) -> Embeddings:
    longest = max(1, max(map(len, rows)))
    ids: npt.NDArray[np.int64] = np.zeros((len(rows), longest), dtype=np.int64)
    mask: npt.NDArray[np.int64] = np.zeros((len(rows), longest), dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    feed = {"input_ids": ids, "attention_mask": mask}
    return np.asarray(session.run([OUTPUT], feed)[0], dtype=np.float32)
