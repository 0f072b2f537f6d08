"""Hubs are held back: texts that are near to every question, within the vectors themselves.

In a space of many dimensions a few texts are among the nearest of very many questions (hubs;
Radovanović et al., JMLR 2010), and stand before the one that is asked for. CSLS (Conneau et al.,
"Word translation without parallel data", ICLR 2018) therefore takes from a text's score half of
r(d), its mean similarity to the questions nearest to it::

    score(q, d) = q·d - p(d)        p(d) = (r(d) - r of a usual text) / 2

What will be asked is not known when a text is indexed. A network with one hidden layer says r(d)
here; it was fitted on questions that the encoder was trained on. The penalty p is put into the
vectors, so that every index backend serves it without knowing of it::

    d' = (d, -2·p(d)) / sqrt(1 + 4·p(d)²)        q' = (2·q, 1) / sqrt(5)

Their product is the score, but for a factor that all texts share, and one that is nearly 1. Both
are unit vectors of as many dimensions as before: the encoder's last one makes room.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt

from codeindex.errors import UsageError
from codeindex.vectors import Embeddings, unit

HUBNESS = "hubness.npz"
"""File of a bundle; its arrays are the attributes of `Hubness`."""
NEAREST = 10
"""Questions that r is the mean of, as in the paper."""

_SPREAD = 2.0
"""What the penalty is multiplied by in a text's vector, and a question's 1 divided by.

With 2 its coordinate varies as much as the others do, and is cut as finely where a backend keeps
vectors in fewer bits.
"""
_ROWS = 2048  # at once: their hidden layer takes 8 MB


@dataclass(frozen=True, slots=True)
class Hubness:
    """What says how near a text is to questions, whatever they are.

    ``r(d) = relu(d · (rows * scales[:, None]).T + bias) · out + mean``

    Attributes:
        rows: int8 (hidden, dim). scales, bias, out: float32 (hidden,).
        mean: float32 (), added to all that it says. usual: float32 (), r of a usual text.
    """

    rows: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    out: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]
    usual: npt.NDArray[np.float32]

    def file(self) -> bytes:
        """The contents of ``hubness.npz``; the same for the same arrays."""
        file = BytesIO()
        np.savez(file, **{name: getattr(self, name) for name in self.__slots__})
        return file.getvalue()


def read_hubness(contents: bytes, dim: int) -> Hubness:
    """From what `Hubness.file` gave.

    Raises:
        UsageError: it is something else, or is of an encoder with another `dim`.
    """
    try:
        with np.load(BytesIO(contents), allow_pickle=False) as arrays:
            found = Hubness(*(arrays[name] for name in Hubness.__slots__))
    except Exception as error:  # whatever a damaged file makes of the libraries
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(f"{HUBNESS} of the bundle cannot be read: {reason}") from error
    hidden = found.rows.shape[:1]
    shapes = {"rows": (*hidden, dim), "mean": (), "usual": ()}
    for name in Hubness.__slots__:
        array, shape = getattr(found, name), shapes.get(name, hidden)
        dtype = np.int8 if name == "rows" else np.float32
        if array.shape != shape or array.dtype != dtype:
            raise UsageError(
                f"{HUBNESS} of the bundle does not fit it: {name!r} is {array.dtype}"
                f" {array.shape}, expected {np.dtype(dtype)} {shape}"
            )
    return found


class HubPenalty:
    """Puts the penalty into vectors."""

    def __init__(self, hubness: Hubness) -> None:
        """Unpacks the weights: 1 MB of floats."""
        self._weights = np.ascontiguousarray((hubness.rows * hubness.scales[:, None]).T)
        self._bias = hubness.bias
        self._out = hubness.out
        self._offset = np.float32(hubness.mean - hubness.usual)

    def of(self, vectors: Embeddings) -> npt.NDArray[np.float32]:
        """What is taken from the scores of these texts: p(d), float32 (n,).

        Args:
            vectors: float32 (n, dim), unit rows, as the encoder gives them.
        """
        penalties = np.empty(len(vectors), dtype=np.float32)
        for start in range(0, len(vectors), _ROWS):
            hidden = vectors[start : start + _ROWS] @ self._weights  # (rows, hidden)
            hidden += self._bias
            np.maximum(hidden, 0, out=hidden)
            penalties[start : start + _ROWS] = hidden @ self._out
        penalties += self._offset
        penalties /= 2
        return penalties

    def corpus(self, vectors: Embeddings, dim: int) -> Embeddings:
        """d' of these texts, of `dim` dimensions; what is zero stays zero.

        Args:
            vectors: see `of`.
        """
        texts = _with_room(vectors, dim)
        texts[:, -1] = -_SPREAD * self.of(vectors)
        texts[~vectors.any(axis=1)] = 0
        return unit(texts)


def asked(vectors: Embeddings, dim: int) -> Embeddings:
    """q' of questions, unit rows (n, at least dim), of `dim` dimensions; zero rows stay zero."""
    questions = _with_room(vectors, dim)
    questions[:, -1] = vectors.any(axis=1) / _SPREAD
    return unit(questions)


def _with_room(vectors: Embeddings, dim: int) -> Embeddings:
    """The first dimensions but one at unit length, and a last one that is free."""
    free = np.zeros((len(vectors), dim), dtype=np.float32)
    free[:, :-1] = unit(vectors[:, : dim - 1])
    return free
