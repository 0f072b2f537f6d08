"""Static models without ONNX Runtime: the mean of table rows needs no graph.

The manifest of a static bundle says where its table lies in ``model.onnx``, see
`codeindex.static_table`. Reading it there saves loading ONNX Runtime, and looking rows up a
text at a time is several times as fast as the graph's padded batches. Both give the same
vectors but for the order in which floats are added; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.bundle import Data
from codeindex.static_table import read_static
from codeindex.vectors import Embeddings


class StaticModel:
    """``sum of n ** power * scales[id] * rows[id]`` over the tokens of a text, at unit length.

    n is how often the token stands in the text.
    """

    def __init__(self, model: Data, places: Mapping[str, Any], dim: int) -> None:
        """Takes the contents of ``model.onnx`` and what the manifest says of its tensors.

        Raises:
            UsageError: the places do not fit the file.
        """
        self._table = read_static(model, places, dim)

    def encode(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        """Vectors (len(ids), dim); a text without tokens stays zero."""
        rows = self._table.rows
        vectors = np.zeros((len(ids), rows.shape[1]), dtype=np.float32)
        tokens, weights, ends = self._weighted(ids)
        longest = max(map(int.__sub__, ends, [0, *ends]), default=0)
        # Every text uses the same two buffers: they stay in the processor's cache.
        gathered = np.empty((longest, vectors.shape[1]), dtype=np.int8)
        floats = np.empty_like(gathered, dtype=np.float32)
        start = 0
        for end, vector in zip(ends, vectors, strict=True):
            length = end - start
            rows.take(tokens[start:end], axis=0, out=gathered[:length], mode="clip")
            floats[:length] = gathered[:length]
            np.dot(weights[start:end], floats[:length], out=vector)
            start = end
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        vectors /= np.maximum(norms, 1e-12)[:, None]
        return vectors

    def _weighted(
        self, ids: Sequence[Sequence[int]]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], list[int]]:
        """The tokens of all texts, what each counts, and where each text ends among them.

        Where repeats do not count in full, every token of a text stands there once.
        """
        scales = self._table.scales
        lengths = np.fromiter(map(len, ids), dtype=np.intp, count=len(ids))
        tokens = np.fromiter(chain.from_iterable(ids), dtype=np.intp, count=int(lengths.sum()))
        if self._table.power == 1:
            return tokens, scales.take(tokens), np.cumsum(lengths).tolist()
        size = max(len(scales), int(tokens.max(initial=0)) + 1)
        texts = np.repeat(np.arange(len(ids)), lengths)
        found, counts = np.unique(texts * size + tokens, return_counts=True)
        texts, tokens = np.divmod(found, size)
        weights = scales.take(tokens) * (counts**self._table.power).astype(np.float32)
        ends = np.cumsum(np.bincount(texts, minlength=len(ids)))
        return tokens, weights, ends.tolist()
