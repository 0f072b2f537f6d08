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
from codeindex.vectors import Embeddings

HUBNESS = "hubness.npz"
"""File of a bundle; its arrays are the attributes of `Hubness`."""
NEAREST = 10
"""Questions that r is the mean of, as in the paper."""

_SPREAD = 2.0
"""What the penalty is multiplied by in a text's vector, and a question's 1 divided by.

With 2 its coordinate varies as much as the others do, and is cut as finely where a backend keeps
vectors in fewer bits.
"""
_ROWS = 1024  # at once: their hidden layer takes 4 MB
_UNITS = 64  # of the hidden layer that are computed in one product
_ONE_THREAD = 1 << 18
"""Multiplications of a product that OpenBLAS leaves to the thread that asks for it.

While a tree is indexed all cores are busy, and threads that wait for each other take longer than
one: Django from nothing in 2.15 s with larger products, in 1.76 s so.
"""


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
        hidden, dim = hubness.rows.shape
        blocks = -(-hidden // _UNITS)
        short = blocks * _UNITS - hidden  # units that are added, and say nothing
        rows = np.pad(hubness.rows * hubness.scales[:, None], ((0, short), (0, 0)))
        # (blocks, dim, units) · (blocks, 1, units) · (blocks, units, 1)
        self._weights = np.ascontiguousarray(rows.reshape(blocks, _UNITS, dim).transpose(0, 2, 1))
        self._bias = np.pad(hubness.bias, (0, short)).reshape(blocks, 1, _UNITS)
        self._out = np.pad(hubness.out, (0, short)).reshape(blocks, _UNITS, 1)
        self._offset = np.float32(hubness.mean - hubness.usual)
        self._rows = max(1, _ONE_THREAD // (_UNITS * dim))  # of a product

    def of(self, vectors: Embeddings) -> npt.NDArray[np.float32]:
        """What is taken from the scores of these texts: p(d), float32 (n,).

        Args:
            vectors: float32 (n, dim), unit rows, as the encoder gives them.
        """
        count, dim = vectors.shape
        penalties = np.empty(count, dtype=np.float32)
        for start in range(0, count, _ROWS):
            part = vectors[start : start + _ROWS]
            parts = np.pad(part, ((0, -len(part) % self._rows), (0, 0)))
            # One product for each few rows and block of units: (groups, blocks, rows, units)
            hidden = np.matmul(parts.reshape(-1, 1, self._rows, dim), self._weights)
            hidden += self._bias
            np.maximum(hidden, 0, out=hidden)
            said = np.matmul(hidden, self._out).sum(axis=1).reshape(-1)  # (rows of all groups,)
            penalties[start : start + len(part)] = said[: len(part)]
        penalties += self._offset
        penalties /= 2
        return penalties

    def corpus(self, vectors: Embeddings, dim: int) -> Embeddings:
        """d' of these texts, of `dim` dimensions; what is zero stays zero.

        Args:
            vectors: see `of`.
        """
        return _with(vectors, dim, -_SPREAD * self.of(vectors))


def asked(vectors: Embeddings, dim: int) -> Embeddings:
    """q' of questions, unit rows (n, at least dim), of `dim` dimensions; zero rows stay zero."""
    return _with(vectors, dim, np.full(len(vectors), 1 / _SPREAD, dtype=np.float32))


def _with(vectors: Embeddings, dim: int, coordinate: npt.NDArray[np.float32]) -> Embeddings:
    """Unit rows: the first dimensions but one at length 1, and another last one."""
    first = vectors[:, : dim - 1]
    lengths = np.sqrt(np.einsum("ij,ij->i", first, first))  # (n,)
    whole = np.sqrt(1 + coordinate**2)
    result = np.empty((len(vectors), dim), dtype=np.float32)
    scales = np.divide(1, lengths * whole, out=np.zeros_like(whole), where=lengths != 0)
    np.multiply(first, scales[:, None], out=result[:, :-1])
    result[:, -1] = coordinate / whole
    result[lengths == 0] = 0
    return result
