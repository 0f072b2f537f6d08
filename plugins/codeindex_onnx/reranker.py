"""CrossEncoder: the reranker of a bundle, on CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from codeindex.batching import Batch, batches, run_batches
from codeindex.bundle import Data
from codeindex.errors import UsageError
from codeindex.joint_tokens import JointRow, JointTokens, padded
from codeindex.reranker_bundle import read_reranker
from codeindex_onnx.sessions import available_cores, open_session, ranges_span_a_batch

OUTPUT = "logits"
TOKENS_PER_BATCH = 512
"""Texts times longest text of a batch: what a core computes with then stays in its own cache."""


class CrossEncoder:
    """Scores of a bundle's model, the logits. They do not depend on what is scored together."""

    def __init__(self, folder: Path, threads: int = 0, max_tokens: int = 0) -> None:
        """Reads and checks the bundle.

        Args:
            threads: at most so many compute; 0 for one a core.
            max_tokens: read of query and text; 0 or more than the model reads: as many as it does.

        Raises:
            NotFoundError, UsageError: see `read_reranker`; also if a file cannot be loaded.
        """
        bundle = read_reranker(folder)
        length = min(max_tokens or bundle.max_tokens, bundle.max_tokens)
        try:
            self._tokens = JointTokens(_tokenizer(bytes(bundle.tokenizer)), length)
            self._model = _PairModel(bundle.model, threads)
        except ValueError as error:
            bundle.confirm()  # a damaged file is the better explanation
            raise UsageError(f"cannot load the bundle {folder}: {error}") from error
        bundle.confirm()

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """The logit of each text; higher is better."""
        return self._model.scores(self._tokens.of(query, texts)) if texts else []


def _tokenizer(definition: bytes) -> Tokenizer:
    try:
        return Tokenizer.from_buffer(definition)
    except Exception as error:  # the library raises plain Exception
        raise ValueError(str(error)) from error


class _PairModel:
    """The graph. Each thread computes batches of like length of its own.

    A graph that finds the ranges of its int8 anew in each batch gets each pair alone.
    """

    def __init__(self, model: Data, threads: int) -> None:
        self._threads = threads or available_cores()
        self._tokens = 1 if ranges_span_a_batch(model) else TOKENS_PER_BATCH
        # A batch a thread, and no thread that a fork would lose.
        self._session = open_session(model, 1)
        self._inputs = {item.name for item in self._session.get_inputs()}
        found = {item.name: item.shape for item in self._session.get_outputs()}
        if OUTPUT not in found:
            raise ValueError(f"the model has no output {OUTPUT!r}")
        if found[OUTPUT][1:] != [1]:
            raise ValueError(f"{OUTPUT!r} has the shape {found[OUTPUT]}, not (batch, 1)")

    def scores(self, rows: Sequence[JointRow]) -> list[float]:
        """One for each row, in order."""
        scores: npt.NDArray[np.float32] = np.zeros(len(rows), dtype=np.float32)

        def work(batch: Batch) -> None:
            fed = padded([rows[row] for row in batch])
            wanted = {name: values for name, values in fed.items() if name in self._inputs}
            scores[batch] = self._session.run([OUTPUT], wanted)[0][:, 0]

        parts = list(batches([len(row) for row in rows], self._tokens))
        run_batches(work, parts, self._threads)
        found: list[float] = scores.tolist()
        return found
