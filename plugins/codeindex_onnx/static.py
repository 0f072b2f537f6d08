"""Static models without ONNX Runtime: the mean of table rows needs no graph.

The manifest of a static bundle says where the two tensors of its table lie in ``model.onnx``::

    "static": {"rows":   {"offset": 123, "dtype": "int8", "shape": [29525, 256]},
               "scales": {"offset": 456, "dtype": "float32", "shape": [29525]}}

Reading them there saves loading ONNX Runtime, and looking rows up a text at a time is several
times as fast as the graph's padded batches. Both give the same vectors but for the order in
which floats are added; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.bundle import Data
from codeindex.errors import UsageError
from codeindex.vectors import Embeddings


class StaticModel:
    """``sum of scales[id] * rows[id]`` over a text's tokens, at unit length."""

    def __init__(self, model: Data, places: Mapping[str, Any], dim: int) -> None:
        """Takes the contents of ``model.onnx`` and what the manifest says of its tensors.

        Raises:
            UsageError: the places do not fit the file.
        """
        self._rows = _tensor(model, places, "rows", np.int8)
        self._scales = _tensor(model, places, "scales", np.float32)
        if self._rows.shape != (len(self._scales), dim):
            raise UsageError(f"static rows have shape {self._rows.shape}, expected (…, {dim})")

    def encode(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        """Vectors (len(ids), dim); a text without tokens stays zero."""
        vectors = np.zeros((len(ids), self._rows.shape[1]), dtype=np.float32)
        lengths = list(map(len, ids))
        tokens = np.fromiter(chain.from_iterable(ids), dtype=np.intp, count=sum(lengths))
        longest = max(lengths, default=0)
        # Every text uses the same two buffers: they stay in the processor's cache.
        gathered = np.empty((longest, vectors.shape[1]), dtype=np.int8)
        floats = np.empty_like(gathered, dtype=np.float32)
        end = 0
        for length, vector in zip(lengths, vectors, strict=True):
            start, end = end, end + length
            index = tokens[start:end]
            self._rows.take(index, axis=0, out=gathered[:length], mode="clip")
            floats[:length] = gathered[:length]
            np.dot(self._scales.take(index), floats[:length], out=vector)
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        vectors /= np.maximum(norms, 1e-12)[:, None]
        return vectors


def _tensor(
    model: Data, places: Mapping[str, Any], name: str, dtype: type[np.generic]
) -> npt.NDArray[Any]:
    try:
        place = places[name]
        shape = tuple(int(size) for size in place["shape"])
        if place["dtype"] != np.dtype(dtype).name:
            raise ValueError(f"dtype {place['dtype']}")
        count = int(np.prod(shape))
        return np.frombuffer(model, dtype, count, int(place["offset"])).reshape(shape)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"'static' of the bundle does not fit its model: {error}") from None
