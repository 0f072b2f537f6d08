"""The vectors table: every embedding, by the text it is of and the encoder that made it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from codeindex.interfaces import EncoderInfo
from codeindex.vectors import Embeddings

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
        "INSERT INTO vectors (encoder, text_digest, vector) VALUES (?, ?, ?)"
        " ON CONFLICT (text_digest, encoder) DO NOTHING",
        ((encoder, digest, row.tobytes()) for digest, row in zip(digests, little, strict=True)),
    )


def copy_vector(connection: sqlite3.Connection, encoder: int, old: bytes, new: bytes) -> bool:
    """Gives the text `new` the vector of the text `old`; whether there was one."""
    cursor = connection.execute(
        "INSERT INTO vectors (encoder, text_digest, vector)"
        " SELECT encoder, ?, vector FROM vectors WHERE encoder = ? AND text_digest = ?"
        " ON CONFLICT (text_digest, encoder) DO NOTHING",
        (new, encoder, old),
    )
    return cursor.rowcount > 0


def vectors_of_snippets(
    connection: sqlite3.Connection, encoder: int, dim: int, ids: Sequence[int]
) -> tuple[list[int], Embeddings]:
    """Ids that exist and have a vector, and the vectors (n, dim), in the order of `ids`."""
    found: dict[int, bytes] = {}
    for chunk in _chunks(ids):
        marks = ",".join("?" * len(chunk))
        found.update(
            connection.execute(
                "SELECT s.id, v.vector FROM snippets s JOIN vectors v"
                " ON v.text_digest = s.text_digest AND v.encoder = ?"
                f" WHERE s.id IN ({marks})",
                (encoder, *chunk),
            )
        )
    present = [id for id in ids if id in found]
    data = b"".join(found[id] for id in present)
    vectors = np.frombuffer(data, dtype="<f4").astype(np.float32).reshape(len(present), dim)
    return present, vectors


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
