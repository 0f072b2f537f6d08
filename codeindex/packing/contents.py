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
_MOST = 1_000_000_000  # dimensions, tokens, rows
_LATEST = 1e12  # seconds since the epoch
_TYPES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "snippets": {
        "text": ("path", "language", "kind", "name", "code", "docstring", "extra"),
        "integer": ("start_line", "end_line"),
        "blob": ("key", "text_digest"),
    },
    "sources": {"text": ("path", "language", "extractor"), "integer": ("size",)},
    "vectors": {"blob": ("text_digest", "vector")},
}
"""What the values must be that are used as they are; a table of SQLite takes others, too."""


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
        _check_values(connection, pack)
        rows = connection.execute("SELECT key, value FROM manifest").fetchall()
        return {str(key): json.loads(value) for key, value in rows}


def _check_values(connection: sqlite3.Connection, pack: Path) -> None:
    for table, types in _TYPES.items():
        wrong = " OR ".join(
            f"typeof({column}) <> '{wanted}'"
            for wanted, columns in types.items()
            for column in columns
        )
        if table == "snippets":
            wrong += " OR NOT json_valid(extra) OR json_type(extra) <> 'object'"
        statement = f"SELECT count(*) FROM {table} WHERE {wrong}"  # noqa: S608 - names from above
        count = connection.execute(statement).fetchone()[0]
        if count:
            raise DamagedIndexError(
                f"{pack} is refused: {count:,} rows of {table!r} in its catalog hold values that"
                " codeindex does not write"
            )


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
        and _is_provider(encoder)
        and all(_is_plain(encoder.get(key)) for key in ("title", "fingerprint"))
        and all(_is_count(encoder.get(key)) for key in ("dim", "max_tokens", "row"))
        and isinstance(backend, dict)
        and _is_provider(backend)
        and values.get("backend_folder") == BACKEND_FOLDER
        and (texts is None or _are_texts(texts))
        and all(_is_time(values.get(key)) for key in ("created_at", "updated_at"))
    )
    if not sound:
        raise DamagedIndexError(f"{pack} is refused: its catalog does not say what the index is")
    digests = {name: entry.sha256 for name, entry in packed.named(BACKEND).items()}
    if values.get("backend_files") != digests:
        raise DamagedIndexError(
            f"{pack} is refused: the vector index in it is not the one that its catalog names"
        )


def _is_provider(value: Mapping[str, Any]) -> bool:
    name = value.get("name")
    named = isinstance(name, str) and _NAME.fullmatch(name) is not None
    return named and isinstance(value.get("options"), dict)


def _are_texts(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_plain(value.get("recipe"))
        and _is_plain(value.get("input"))
        and type(value.get("weight")) in (int, float)
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < _MOST


def _is_time(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value < _LATEST)


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
