"""The table of a static bundle: int8 rows and their scales, where the manifest says they lie.

::

    "static": {"rows":   {"offset": 123, "dtype": "int8", "shape": [29524, 256]},
               "scales": {"offset": 456, "dtype": "float32", "shape": [29524]},
               "repeats": "root"}

A token's vector is its row times its scale, which is at once the weight that the token has in
a text. ``repeats`` says what a token counts that stands in a text n times: n with ``all``, as
where nothing is said, and the square root of n with ``root``. Code repeats its names: the
tenth time says less than the first (as in BM25, Robertson and Zaragoza, 2009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.bundle import Data
from codeindex.errors import UsageError

REPEATS: Mapping[str, float] = {"all": 1.0, "root": 0.5}
"""What ``repeats`` may say → the power of n that a token counts."""


@dataclass(frozen=True, slots=True)
class StaticTable:
    """One vector for each token.

    Attributes:
        rows: int8 (vocabulary, dim).
        scales: float32 (vocabulary,); the table is ``rows * scales[:, None]``.
        power: a token that stands in a text n times counts n to this power.
    """

    rows: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    power: float

    def floats(self) -> npt.NDArray[np.float32]:
        """float32 (vocabulary, dim)."""
        table: npt.NDArray[np.float32] = self.rows * self.scales[:, None]
        return table


def read_static(model: Data, places: Mapping[str, Any], dim: int) -> StaticTable:
    """The table within the contents of ``model.onnx``; nothing is copied.

    Args:
        places: ``static`` of the manifest.

    Raises:
        UsageError: they do not fit the file.
    """
    rows = _tensor(model, places, "rows", np.int8)
    scales = _tensor(model, places, "scales", np.float32)
    if rows.shape != (len(scales), dim):
        raise UsageError(f"static rows have shape {rows.shape}, expected (…, {dim})")
    repeats = places.get("repeats", "all")
    if repeats not in REPEATS:
        raise UsageError(f"'repeats' of the bundle is {repeats!r}, must be: {', '.join(REPEATS)}")
    return StaticTable(rows, scales, REPEATS[repeats])


def quantised(
    table: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """int8 rows (vocabulary, dim) and scales (vocabulary,): ``table ≈ rows * scales[:, None]``."""
    largest = np.abs(table).max(axis=1)
    scales = np.where(largest == 0, 1, largest / 127).astype(np.float32)
    rows = np.clip(np.rint(table / scales[:, None]), -127, 127).astype(np.int8)
    return rows, scales


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
