"""Checksums of rows: SQLite notices damage only where the structure of a page suffers."""

from __future__ import annotations

import sqlite3
from typing import Any
from zlib import crc32


def row_checksum(*values: Any) -> int:
    """CRC-32 of the values of a row; finds any change of up to 32 bits in a row."""
    # Bytes are marked as such: a flipped bit may turn a text into bytes, an empty one, too.
    text = "\x1f".join(
        f"x{value.hex()}" if isinstance(value, bytes) else str(value) for value in values
    )
    return crc32(text.encode("utf-8", "surrogatepass"))


def vector_checksum(encoder: Any, text_digest: Any, vector: Any) -> int:
    """CRC-32 of a vector, and of what it is kept under; −1 for what is no such thing."""
    if not isinstance(encoder, int) or encoder < 0:
        return -1
    if not isinstance(text_digest, bytes) or not isinstance(vector, bytes):
        return -1
    return crc32(vector, crc32(text_digest, encoder))


def check(table: str, found: Any, expected: int) -> None:
    """Compares the checksum `found` in a row.

    Raises:
        sqlite3.DatabaseError: it is another one.
    """
    if found != expected:
        raise sqlite3.DatabaseError(f"a row of its table {table!r} is not what was written")
