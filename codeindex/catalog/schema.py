"""The catalog's tables, as numbered migrations: each is applied once, in order, all or nothing."""

from __future__ import annotations

import sqlite3

from codeindex.catalog.checksums import row_checksum, vector_checksum
from codeindex.errors import IndexVersionError

_M001_FIRST_TABLES = """
CREATE TABLE manifest (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL                 -- JSON
) WITHOUT ROWID;

CREATE TABLE sources (
    id         INTEGER PRIMARY KEY,
    path       TEXT NOT NULL UNIQUE,    -- relative to the indexed root, with forward slashes
    language   TEXT NOT NULL,
    extractor  TEXT NOT NULL,           -- name, version and options
    size       INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    ctime_ns   INTEGER NOT NULL,
    digest     BLOB NOT NULL,           -- of its bytes; empty if they could not be read
    skipped    TEXT,                    -- why nothing was taken from it; NULL if indexed
    indexed_at REAL NOT NULL            -- seconds since the epoch
);
CREATE INDEX sources_by_digest ON sources (digest);

-- AUTOINCREMENT: an id is never used again, so a late reader or a replayed outbox row
-- cannot meet another snippet under it.
CREATE TABLE snippets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         BLOB NOT NULL,
    source      INTEGER NOT NULL REFERENCES sources (id),
    path        TEXT NOT NULL,
    language    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    start_line  INTEGER NOT NULL,
    end_line    INTEGER NOT NULL,
    code        TEXT NOT NULL,
    docstring   TEXT NOT NULL,
    extra       TEXT NOT NULL,          -- JSON
    text_digest BLOB NOT NULL           -- of the text that is embedded
);
CREATE UNIQUE INDEX snippets_by_source ON snippets (source, key);

CREATE TABLE encoders (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    dim         INTEGER NOT NULL
);

-- Also the embedding cache: a vector stays when its last snippet goes.
CREATE TABLE vectors (
    id          INTEGER PRIMARY KEY,
    encoder     INTEGER NOT NULL REFERENCES encoders (id),
    text_digest BLOB NOT NULL,
    vector      BLOB NOT NULL           -- float32, little-endian
);
CREATE UNIQUE INDEX vectors_by_text ON vectors (text_digest, encoder);

-- Words for BM25; rowid = snippet id. Contentless: the words are made again from the snippet.
CREATE VIRTUAL TABLE words USING fts5 (
    name, path, docstring, code, content = '', tokenize = "ascii tokenchars '_'"
);
INSERT INTO words (words, rank) VALUES ('hashsize', 33554432);
-- Every commit leaves a segment; merging four at a time, as by default, would double the work.
INSERT INTO words (words, rank) VALUES ('automerge', 16);

CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    operation TEXT NOT NULL CHECK (operation IN ('add', 'remove')),
    snippet   INTEGER NOT NULL
);
"""

# See `checksums`; filled in by `write_checksums`.
_M002_CHECKSUMS = """
ALTER TABLE manifest ADD COLUMN checksum INTEGER;
ALTER TABLE snippets ADD COLUMN checksum INTEGER;
ALTER TABLE vectors ADD COLUMN checksum INTEGER;
"""

MIGRATIONS: tuple[str, ...] = (_M001_FIRST_TABLES, _M002_CHECKSUMS)
"""Append only. The number of applied ones is SQLite's ``user_version``."""


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the catalog to the newest schema, one transaction a migration.

    Raises:
        IndexVersionError: it was written by a newer version of codeindex.
    """
    version = schema_version(connection)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version={number};")
            if script is _M002_CHECKSUMS:
                write_checksums(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise


def write_checksums(connection: sqlite3.Connection) -> None:
    """Gives every row the checksum of what is in it now."""
    connection.create_function("row_checksum", -1, row_checksum, deterministic=True)
    connection.create_function("vector_checksum", 3, vector_checksum, deterministic=True)
    connection.execute("UPDATE manifest SET checksum = row_checksum(key, value)")
    connection.execute(
        "UPDATE snippets SET checksum = row_checksum(id, key, text_digest,"
        " path, language, kind, name, start_line, end_line, code, docstring, extra)"
    )
    connection.execute(
        "UPDATE vectors SET checksum = vector_checksum(encoder, text_digest, vector)"
    )


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations were applied.

    Raises:
        IndexVersionError: more than this version of codeindex knows.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise IndexVersionError(
            f"the index has format {version}, this codeindex reads up to {len(MIGRATIONS)}:"
            " it was written by a newer version; upgrade codeindex, or index into another --index"
        )
    return version
