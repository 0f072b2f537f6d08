"""What came in a pack is data, and ours: a plain catalog, and arrays without objects."""

from __future__ import annotations

import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from numpy.lib import format as npy

from codeindex.catalog.schema import MIGRATIONS, schema_version
from codeindex.errors import DamagedIndexError
from codeindex.packing.format import BACKEND, BACKEND_FOLDER, PackManifest

_HEADER = b"SQLite format 3\x00"
_LEGACY_JOURNAL = b"\x01\x01"  # a write-ahead log would be a second file
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_DIMENSIONS = 1_000_000


def plain_catalog(path: Path, pack: Path) -> dict[str, Any]:
    """The manifest of a catalog that came in a pack, after checking that it is a plain one.

    It has exactly the tables that codeindex makes: no trigger, no view, no index or default
    of its own, nothing that SQLite would evaluate.

    Raises:
        IndexVersionError: it is of a newer codeindex.
        DamagedIndexError: it is no database, or another one.
    """
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(_HEADER) or header[18:20] != _LEGACY_JOURNAL:
        raise DamagedIndexError(f"{pack} is refused: its catalog is no plain SQLite database")
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with _refused(pack), closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        version = schema_version(connection)
        expected = _schema(version)
        for row in _objects(connection):
            if row not in expected:
                raise DamagedIndexError(
                    f"{pack} is refused: its catalog holds the {row[0]} {row[1]!r},"
                    " which codeindex does not make"
                )
            expected.discard(row)
        if expected:
            raise DamagedIndexError(f"{pack} is refused: its catalog lacks {min(expected)[1]!r}")
        faults = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
        if faults != ["ok"]:
            raise DamagedIndexError(f"{pack} is refused: its catalog is damaged ({faults[0]})")
        rows = connection.execute("SELECT key, value FROM manifest").fetchall()
        return {str(key): json.loads(value) for key, value in rows}


@contextmanager
def _refused(pack: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:
        raise DamagedIndexError(f"{pack} is refused: its catalog is damaged ({error})") from error


def _schema(version: int) -> set[tuple[str, ...]]:
    """What a catalog with so many migrations consists of, as this SQLite words it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        return set(_objects(connection))


def _objects(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return [(str(row[0]), str(row[1]), str(row[2]), " ".join(str(row[3]).split())) for row in rows]


def check_index_manifest(values: Mapping[str, Any], packed: PackManifest, pack: Path) -> None:
    """Refuses a catalog whose manifest is not what a pack has: values are used as they are.

    Raises:
        DamagedIndexError: a value has another type, or names other files than came.
    """
    encoder, backend = values.get("encoder"), values.get("backend")
    texts = values.get("texts")
    sound = (
        isinstance(encoder, dict)
        and all(isinstance(encoder.get(key), str) for key in ("name", "title", "fingerprint"))
        and isinstance(encoder.get("options"), dict)
        and all(type(encoder.get(key)) is int for key in ("dim", "max_tokens", "row"))
        and 0 < encoder["dim"] <= _MOST_DIMENSIONS
        and isinstance(backend, dict)
        and isinstance(backend.get("name"), str)
        and _NAME.fullmatch(backend["name"]) is not None
        and isinstance(backend.get("options"), dict)
        and values.get("backend_folder") == BACKEND_FOLDER
        and (texts is None or _are_texts(texts))
        and all(
            isinstance(values.get(key), int | float | None) for key in ("created_at", "updated_at")
        )
    )
    if not sound:
        raise DamagedIndexError(f"{pack} is refused: its catalog does not say what the index is")
    digests = {name: entry.sha256 for name, entry in packed.named(BACKEND).items()}
    if values.get("backend_files") != digests:
        raise DamagedIndexError(
            f"{pack} is refused: the vector index in it is not the one that its catalog names"
        )


def _are_texts(texts: Any) -> bool:
    return (
        isinstance(texts, dict)
        and isinstance(texts.get("recipe"), str)
        and isinstance(texts.get("input"), str)
        and type(texts.get("weight")) in (int, float)
    )


def object_array(name: str, file: IO[bytes]) -> str | None:
    """Names an array of Python objects in an ``.npy`` or ``.npz`` file; None if there is none.

    Reading such an array would be to run what it holds. Only headers are read.

    Raises:
        ValueError, zipfile.BadZipFile: it is no such file.
    """
    if name.endswith(".npy"):
        return name if _holds_objects(file) else None
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            with archive.open(info) as array:
                if _holds_objects(array):
                    return info.filename
    return None


def _holds_objects(file: IO[bytes]) -> bool:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    _, _, dtype = read(file)
    return bool(dtype.hasobject)
