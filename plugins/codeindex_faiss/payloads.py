"""Path, language and kind of every id, as columns: what a filter is evaluated on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.filters import Filter, Payload

Ids = npt.NDArray[np.int64]
_FIELDS = ("path", "language", "kind")


@dataclass(frozen=True, slots=True)
class _Column:
    """Values as codes into a table of distinct texts."""

    codes: npt.NDArray[np.int32]
    texts: tuple[str, ...]

    def where(self, accept: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        """Rows whose text is accepted; each distinct text is asked once."""
        accepted = np.fromiter(map(accept, self.texts), dtype=bool, count=len(self.texts))
        return accepted[self.codes]


class Payloads:
    """The payloads of a set of ids. Values are replaced, never changed in place."""

    def __init__(self, ids: Ids, columns: dict[str, _Column]) -> None:
        """Ids (n,), and for each field a column of n codes."""
        self.ids = ids
        self._columns = columns

    @classmethod
    def of(cls, ids: Sequence[int], payloads: Sequence[Payload]) -> Payloads:
        """Payloads (n,) of ids (n,)."""
        columns = {
            field: _encode([getattr(payload, field) for payload in payloads]) for field in _FIELDS
        }
        return cls(np.asarray(ids, dtype=np.int64), columns)

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, other: Payloads) -> Payloads:
        columns = {field: _joined(self._columns[field], other._columns[field]) for field in _FIELDS}
        return Payloads(np.concatenate([self.ids, other.ids]), columns)

    def without(self, ids: Ids) -> Payloads:
        """All but these ids."""
        keep = ~np.isin(self.ids, ids)
        columns = {
            field: _Column(column.codes[keep], column.texts)
            for field, column in self._columns.items()
        }
        return Payloads(self.ids[keep], columns)

    def allowed(self, where: Filter) -> Ids:
        """The ids that satisfy a filter."""
        mask = np.ones(len(self.ids), dtype=bool)
        if where.languages:
            mask &= self._columns["language"].where(lambda text: text in where.languages)
        if where.kinds:
            mask &= self._columns["kind"].where(lambda text: text in where.kinds)
        if where.paths:
            mask &= self._columns["path"].where(where.matches_path)
        return self.ids[mask]

    def to_bytes(self) -> bytes:
        """As an npz archive of plain arrays."""
        arrays: dict[str, npt.NDArray[Any]] = {"ids": self.ids}
        for field, column in self._columns.items():
            compact = _encode([column.texts[code] for code in column.codes])
            arrays[f"{field}_codes"] = compact.codes
            encoded = [text.encode("utf-8", "surrogatepass") for text in compact.texts]
            arrays[f"{field}_lengths"] = np.array([len(data) for data in encoded], dtype=np.int64)
            arrays[f"{field}_texts"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Payloads:
        """What `to_bytes` gave.

        Raises:
            ValueError: it is something else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                ids = arrays["ids"].astype(np.int64)
                columns = {field: _read_column(arrays, field) for field in _FIELDS}
        except (KeyError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise ValueError(str(error)) from error
        if any(len(column.codes) != len(ids) for column in columns.values()):
            raise ValueError("columns differ in length")
        return cls(ids, columns)


def _encode(texts: Sequence[str]) -> _Column:
    table: dict[str, int] = {}
    codes = [table.setdefault(text, len(table)) for text in texts]
    return _Column(np.array(codes, dtype=np.int32), tuple(table))


def _joined(first: _Column, second: _Column) -> _Column:
    table = {text: code for code, text in enumerate(first.texts)}
    mapping = np.array(
        [table.setdefault(text, len(table)) for text in second.texts], dtype=np.int32
    )
    moved = mapping[second.codes] if len(mapping) else second.codes
    return _Column(np.concatenate([first.codes, moved]), tuple(table))


def _read_column(arrays: Any, field: str) -> _Column:
    data = arrays[f"{field}_texts"].tobytes()
    ends = np.cumsum(arrays[f"{field}_lengths"]).tolist()
    starts = [0, *ends[:-1]]
    texts = tuple(
        data[start:end].decode("utf-8", "surrogatepass")
        for start, end in zip(starts, ends, strict=True)
    ) if ends else ()  # fmt: skip
    return _Column(arrays[f"{field}_codes"].astype(np.int32), texts)
