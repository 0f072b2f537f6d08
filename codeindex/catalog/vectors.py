"""The vectors table: every embedding, by the text it is of and the encoder that made it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from codeindex.catalog.checksums import check, vector_checksum
from codeindex.interfaces import EncoderInfo
from codeindex.vectors import Embeddings

_INSERT = (
    "INSERT INTO vectors (encoder, text_digest, vector, checksum) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (text_digest, encoder) DO NOTHING"
)
_VARIABLES = 500  # names in one IN (…); SQLite's limit is 32,766


def encoder_id(connection: sqlite3.Connection, info: EncoderInfo, fingerprint: str) -> int:
    """The row of an encoder, made if it is new."""
    connection.execute(
        "INSERT INTO encoders (fingerprint, name, dim) VALUES (?, ?, ?)"
        " ON CONFLICT (fingerprint) DO NOTHING",
        (fingerprint, info.name, info.dim),
    )
    row = connection.execute(
        "SELECT id FROM encoders WHERE fingerprint = ?", (fingerprint,)
    ).fetchone()
    return int(row[0])


def known_texts(
    connection: sqlite3.Connection, encoder: int, digests: Sequence[bytes]
) -> set[bytes]:
    """Those of the text digests that this encoder has embedded before."""
    known: set[bytes] = set()
    for chunk in _chunks(digests):
        marks = ",".join("?" * len(chunk))
        known.update(
            row[0]
            for row in connection.execute(
                f"SELECT text_digest FROM vectors WHERE encoder = ? AND text_digest IN ({marks})",
                (encoder, *chunk),
            )
        )
    return known


def add_vectors(
    connection: sqlite3.Connection, encoder: int, digests: Sequence[bytes], vectors: Embeddings
) -> None:
    """Stores vectors (n, dim) under the digests of their texts."""
    little = np.ascontiguousarray(vectors, dtype="<f4")
    connection.executemany(
        _INSERT,
        (
            _row(encoder, digest, vector.tobytes())
            for digest, vector in zip(digests, little, strict=True)
        ),
    )


def copy_vector(connection: sqlite3.Connection, encoder: int, old: bytes, new: bytes) -> bool:
    """Gives the text `new` the vector of the text `old`; whether there was one."""
    row = connection.execute(
        "SELECT vector, checksum FROM vectors WHERE encoder = ? AND text_digest = ?",
        (encoder, old),
    ).fetchone()
    if row is None:
        return False
    vector, checksum = row
    check("vectors", checksum, vector_checksum(encoder, old, vector))
    return connection.execute(_INSERT, _row(encoder, new, vector)).rowcount > 0


def _row(encoder: int, digest: bytes, vector: bytes) -> tuple[int, bytes, bytes, int]:
    return encoder, digest, vector, vector_checksum(encoder, digest, vector)


def vectors_of_snippets(
    connection: sqlite3.Connection, encoder: int, dim: int, ids: Sequence[int]
) -> tuple[list[int], Embeddings]:
    """Ids that exist and have a vector, and the vectors (n, dim), in the order of `ids`."""
    found: dict[int, bytes] = {}
    for chunk in _chunks(ids):
        marks = ",".join("?" * len(chunk))
        for id, vector, digest, checksum in connection.execute(
            "SELECT s.id, v.vector, v.text_digest, v.checksum FROM snippets s JOIN vectors v"
            " ON v.text_digest = s.text_digest AND v.encoder = ?"
            f" WHERE s.id IN ({marks})",
            (encoder, *chunk),
        ):
            check("vectors", checksum, vector_checksum(encoder, digest, vector))
            found[id] = vector
    present = [id for id in ids if id in found]
    data = b"".join(found[id] for id in present)
    vectors = np.frombuffer(data, dtype="<f4").astype(np.float32).reshape(len(present), dim)
    return present, vectors


def lacking(connection: sqlite3.Connection, encoder: int, dim: int) -> list[int]:
    """Ids of snippets that have no vector of `dim` dimensions by this encoder."""
    rows = connection.execute(
        "SELECT s.id FROM snippets s LEFT JOIN vectors v"
        " ON v.text_digest = s.text_digest AND v.encoder = ?"
        " WHERE v.id IS NULL OR length(v.vector) <> ? ORDER BY s.id",
        (encoder, 4 * dim),
    ).fetchall()
    return [row[0] for row in rows]


def damaged_vectors(connection: sqlite3.Connection) -> list[int]:
    """Row ids of vectors that are not what was written."""
    return [
        id
        for id, encoder, digest, vector, checksum in connection.execute(
            "SELECT id, encoder, text_digest, vector, checksum FROM vectors"
        )
        if checksum != vector_checksum(encoder, digest, vector)
    ]


def drop_vectors(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Forgets vectors by their row ids."""
    connection.executemany("DELETE FROM vectors WHERE id = ?", [(id,) for id in ids])


def prune_cache(connection: sqlite3.Connection, keep: int) -> int:
    """Deletes the oldest vectors without a snippet beyond `keep`; returns how many went."""
    cursor = connection.execute(
        "DELETE FROM vectors WHERE id IN ("
        " SELECT id FROM vectors WHERE text_digest NOT IN (SELECT text_digest FROM snippets)"
        " ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (keep,),
    )
    return cursor.rowcount


def _chunks(items: Sequence[bytes] | Sequence[int]) -> Iterator[Sequence[bytes] | Sequence[int]]:
    for start in range(0, len(items), _VARIABLES):
        yield items[start : start + _VARIABLES]


def count_vectors(connection: sqlite3.Connection, encoders: Iterable[int]) -> int:
    """How many vectors these encoders have made."""
    return sum(
        int(
            connection.execute(
                "SELECT count(*) FROM vectors WHERE encoder = ?", (encoder,)
            ).fetchone()[0]
        )
        for encoder in encoders
    )
