"""Path, language and kind of every id, as columns: what a filter is evaluated on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.errors import DamagedIndexError
from codeindex.filters import Filter, Payload
from codeindex_faiss.files import write

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
    def of(cls, ids: Sequence[int] | Ids, payloads: Sequence[Payload]) -> Payloads:
        """Payloads (n,) of ids (n,)."""
        columns = {
            "path": _encode([payload.path for payload in payloads]),
            "language": _encode([payload.language for payload in payloads]),
            "kind": _encode([payload.kind for payload in payloads]),
        }
        return cls(np.asarray(ids, dtype=np.int64), columns)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def joined(cls, parts: Sequence[Payloads]) -> Payloads:
        """All of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        columns = {field: _joined([part._columns[field] for part in parts]) for field in _FIELDS}
        ids = [part.ids for part in parts]
        return cls(np.concatenate(ids) if ids else np.empty(0, np.int64), columns)

    def mask(self, where: Filter) -> npt.NDArray[np.bool_]:
        """Which of them satisfy a filter: (n,)."""
        mask = np.ones(len(self.ids), dtype=bool)
        if where.languages:
            mask &= self._columns["language"].where(lambda text: text in where.languages)
        if where.kinds:
            mask &= self._columns["kind"].where(lambda text: text in where.kinds)
        if where.paths:
            mask &= self._columns["path"].where(where.matches_path)
        return mask

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Payloads:
        """Those at some rows, in their order."""
        columns = {
            field: _Column(column.codes[rows], column.texts)
            for field, column in self._columns.items()
        }
        return Payloads(self.ids[rows], columns)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As plain arrays, for a file; texts that nothing refers to are left out."""
        arrays: dict[str, npt.NDArray[Any]] = {"ids": self.ids}
        for field, column in self._columns.items():
            used, codes = np.unique(column.codes, return_inverse=True)
            arrays[f"{field}_codes"] = codes.astype(np.int32)
            encoded = [column.texts[code].encode("utf-8", "surrogatepass") for code in used]
            arrays[f"{field}_lengths"] = np.array([len(data) for data in encoded], dtype=np.int64)
            arrays[f"{field}_texts"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Payloads:
        """What `arrays` gave.

        Raises:
            ValueError: it is something else.
        """
        try:
            ids = arrays["ids"].astype(np.int64)
            columns = {field: _read_column(arrays, field) for field in _FIELDS}
        except (KeyError, IndexError) as error:
            raise ValueError(str(error)) from error
        for column in columns.values():
            if column.codes.shape != ids.shape:
                raise ValueError("columns differ in length")
            if len(ids) and not 0 <= column.codes.min() <= column.codes.max() < len(column.texts):
                raise ValueError("a code stands for no text")
        return cls(ids, columns)


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Writes an npz archive of plain arrays; the file's SHA-256.

    Raises:
        StorageError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return write(path, lambda put: put(buffer.getvalue()))


def load_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz archive; nothing is unpickled.

    Raises:
        DamagedIndexError: the file is something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedIndexError(f"cannot read {path}: {error}") from error


def _encode(texts: Sequence[str]) -> _Column:
    # Without a line of Python for each text: there is one for each vector that is added.
    table = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    codes = np.fromiter(map(table.__getitem__, texts), dtype=np.int32, count=len(texts))
    return _Column(codes, tuple(table))


def _joined(columns: Sequence[_Column]) -> _Column:
    table: dict[str, int] = {}
    codes = []
    for column in columns:
        moved = [table.setdefault(text, len(table)) for text in column.texts]
        codes.append(np.array(moved, dtype=np.int32)[column.codes])
    return _Column(np.concatenate(codes) if codes else np.empty(0, np.int32), tuple(table))


def _read_column(arrays: Mapping[str, npt.NDArray[Any]], field: str) -> _Column:
    data = arrays[f"{field}_texts"].tobytes()
    ends = np.cumsum(arrays[f"{field}_lengths"]).tolist()
    starts = [0, *ends[:-1]]
    texts = tuple(
        data[start:end].decode("utf-8", "surrogatepass")
        for start, end in zip(starts, ends, strict=True)
    ) if ends else ()  # fmt: skip
    return _Column(arrays[f"{field}_codes"].astype(np.int32), texts)
