"""Rows of bytes with a checksum over the row and its place, read in one way."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from codeindex.catalog.checksums import check


def read_checked(connection: sqlite3.Connection, statement: str, id: int) -> list[bytes]:
    """The values of a row as bytes, after comparing its checksum, the last of them."""
    table = statement.split(" FROM ")[1].split()[0]
    row = connection.execute(statement, (id,)).fetchone()
    if row is None:
        raise sqlite3.DatabaseError(f"its table {table!r} has lost a row")
    *values, found = row
    # A text is compared as bytes; one that has become bytes is the same, and as good.
    parts = [_as_bytes(value) for value in values]
    check(table, found, blob_checksum(id, *parts))
    return parts


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "surrogatepass")


def blob_checksum(id: int, *parts: bytes) -> int:
    """CRC-32 of bytes and of the row that they belong to."""
    value = crc32(struct.pack("<q", id))
    for part in parts:
        value = crc32(part, crc32(struct.pack("<q", len(part)), value))
    return value


@contextmanager
def sound(table: str) -> Iterator[None]:
    """Turns what decoding raises, of bytes that nobody of ours wrote, into SQLite's error."""
    try:
        yield
    except (ValueError, TypeError, IndexError, KeyError, struct.error) as error:
        raise lost(table) from error


def lost(table: str) -> sqlite3.DatabaseError:
    """To be raised where a table holds what was never written."""
    return sqlite3.DatabaseError(f"a row of its table {table!r} is not what was written")
