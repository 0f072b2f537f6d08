"""Facets: path, language and kind of the documents of a segment, to filter by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codeindex.filters import Filter
from codeindex.lexical.scores import Mask

Codes = npt.NDArray[np.uint32]

_COLUMNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Facets:
    """What the documents of a segment can be told apart by.

    Attributes:
        names: distinct paths, distinct languages, distinct kinds.
        codes: (n, 3) of each document, its place in each of the three.
    """

    names: tuple[Sequence[str], Sequence[str], Sequence[str]]
    codes: Codes

    def matching(self, where: Filter) -> Mask:
        """(n,) which documents satisfy `where`."""
        paths, languages, kinds = self.names
        allowed = (
            [where.matches_path(path) for path in paths],
            [not where.languages or name in where.languages for name in languages],
            [not where.kinds or name in where.kinds for name in kinds],
        )
        mask = np.ones(len(self.codes), dtype=np.bool_)
        for column, flags in enumerate(allowed):
            if not all(flags):
                mask &= np.array(flags, dtype=np.bool_)[self.codes[:, column]]
        return mask


def facets_of(rows: Iterable[tuple[str, str, str]]) -> Facets:
    """Of documents' paths, languages and kinds."""
    numbers: tuple[dict[str, int], ...] = ({}, {}, {})
    codes = [
        [known.setdefault(value, len(known)) for known, value in zip(numbers, row, strict=True)]
        for row in rows
    ]
    paths, languages, kinds = (list(known) for known in numbers)
    array = np.array(codes, dtype=np.uint32).reshape(len(codes), _COLUMNS)
    return Facets((paths, languages, kinds), array)


def joined_facets(parts: Iterable[tuple[Facets, Mask]]) -> Facets:
    """Of the documents of several segments, without those not kept; unused names are left out."""
    numbers: tuple[dict[str, int], ...] = ({}, {}, {})
    codes = []
    for facets, mask in parts:
        kept = facets.codes[mask]
        columns = []
        for column, (known, names) in enumerate(zip(numbers, facets.names, strict=True)):
            used, inverse = np.unique(kept[:, column], return_inverse=True)
            new = [known.setdefault(names[code], len(known)) for code in used.tolist()]
            columns.append(np.array(new, dtype=np.uint32)[inverse])
        codes.append(np.stack(columns, axis=1))
    paths, languages, kinds = (list(known) for known in numbers)
    return Facets((paths, languages, kinds), np.concatenate(codes))


def encode_facets(facets: Facets) -> tuple[str, bytes]:
    """Names as JSON, and codes as little-endian uint32."""
    return json.dumps(facets.names), facets.codes.astype("<u4").tobytes()


def decode_facets(names: str, codes: bytes) -> Facets:
    """What `encode_facets` has written.

    Raises:
        ValueError: it is no such thing.
    """
    paths, languages, kinds = json.loads(names)
    array = np.frombuffer(codes, "<u4").astype(np.uint32, copy=False)
    return Facets((paths, languages, kinds), array.reshape(-1, _COLUMNS))
