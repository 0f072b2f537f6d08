"""The pack: the small files of a shard in one, without their holes.

JSON lines, each followed by the bytes that it announces: first the notes, then the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from codeindex_qdrant.edge import sparse
from codeindex_qdrant.edge.notes import Notes, Paths

_FORMAT = 1


class PackWriter:
    """A pack being written, and the SHA-256 of it."""

    def __init__(self, file: IO[bytes], notes: Notes) -> None:
        """Writes the notes."""
        self._file = file
        self._digest = hashlib.sha256()
        paths = notes.paths.to_bytes()
        counts = {"points": notes.points, "changes": notes.changes}
        self._line({"format": _FORMAT, **counts, "paths": len(paths)})
        self._write(paths)

    def add(self, name: str, path: Path) -> None:
        """Takes in a file, under its name in the shard's folder."""
        parts = list(sparse.pieces(path))
        pieces = [[place, len(data)] for place, data in parts]
        self._line({"name": name, "size": path.stat().st_size, "pieces": pieces})
        for _, data in parts:
            self._write(data)

    def add_apart(self, name: str, apart: str) -> None:
        """Notes that a file is not in the pack but beside it, and its name there."""
        self._line({"name": name, "apart": apart})

    def digest(self) -> str:
        """Of all that was written."""
        return self._digest.hexdigest()

    def _line(self, values: dict[str, Any]) -> None:
        self._write(json.dumps(values).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


class DigestedFile:
    """A file being read from its start, and the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        """Takes the open file."""
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, length: int) -> bytes:
        """At most so many bytes."""
        return self._seen(self._file.read(length))

    def readline(self) -> bytes:
        """The bytes up to the end of the line."""
        return self._seen(self._file.readline())

    def digest(self) -> str:
        """Of all that was read."""
        return self._digest.hexdigest()

    def _seen(self, data: bytes) -> bytes:
        self._digest.update(data)
        return data


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a shard's folder.

    Attributes:
        name: relative to that folder, and inside it.
        apart: name of the file beside the pack that holds it; None: it is here.
        size: in bytes.
        pieces: what it holds besides zeros; to be taken before the next entry.
    """

    name: PurePosixPath
    apart: str | None
    size: int
    pieces: Iterator[tuple[int, bytes]]


def read_pack(file: DigestedFile) -> tuple[Notes, Iterator[Entry]]:
    """The notes and the entries of a pack.

    Raises:
        ValueError, KeyError, TypeError: it is something else, or ends too early; also while
            the entries are read.
    """
    first = json.loads(file.readline())
    if first["format"] != _FORMAT:
        raise ValueError(f"it is of format {first['format']}, not {_FORMAT}")
    paths = Paths(_read(file, first["paths"]))
    return Notes(paths, int(first["points"]), int(first["changes"])), _entries(file)


def _entries(file: DigestedFile) -> Iterator[Entry]:
    while line := file.readline():
        values = json.loads(line)
        name, apart = _inside(values["name"]), values.get("apart")
        if apart is None:
            yield Entry(name, None, values["size"], _pieces(file, values["pieces"]))
        else:
            yield Entry(name, apart, 0, iter(()))


def _pieces(file: DigestedFile, pieces: Sequence[Sequence[int]]) -> Iterator[tuple[int, bytes]]:
    for place, length in pieces:
        yield place, _read(file, length)


def _read(file: DigestedFile, length: int) -> bytes:
    data = file.read(length)
    if length < 0 or len(data) != length:
        raise ValueError("it ends too early")
    return data


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError(f"it names a file outside: {name!r}")
    return path
