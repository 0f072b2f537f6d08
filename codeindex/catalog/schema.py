"""The catalog's tables, as numbered migrations: each is applied once, in order, all or nothing."""

from __future__ import annotations

import sqlite3

from codeindex.errors import IndexVersionError

_M001_FIRST_TABLES = """
CREATE TABLE manifest (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL,                -- JSON
    checksum INTEGER NOT NULL           -- of the row, as of all others; see `checksums`
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
    text_digest BLOB NOT NULL,          -- of the text that is embedded
    checksum    INTEGER NOT NULL
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
    vector      BLOB NOT NULL,          -- float32, little-endian
    checksum    INTEGER NOT NULL
);
CREATE UNIQUE INDEX vectors_by_text ON vectors (text_digest, encoder);

-- The word index, see `segments`. A segment is written once; it goes when it is merged.
CREATE TABLE word_state (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    segments TEXT NOT NULL,             -- JSON: id, documents, removed, blocks of each
    checksum INTEGER NOT NULL
);
-- AUTOINCREMENT: a reader keeps segments by their ids.
CREATE TABLE word_segments (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    ids      BLOB NOT NULL,             -- of its snippets, int64
    lengths  BLOB NOT NULL,             -- of their fields in words, uint16
    firsts   TEXT NOT NULL,             -- the first word of each block, a line each
    checksum INTEGER NOT NULL
);
CREATE TABLE word_blocks (
    id       INTEGER PRIMARY KEY,       -- segment * 2^32 + number
    postings BLOB NOT NULL,             -- words with the documents that hold them
    checksum INTEGER NOT NULL
);
CREATE TABLE word_facets (
    segment  INTEGER PRIMARY KEY,
    names    TEXT NOT NULL,             -- JSON: distinct paths, languages, kinds
    codes    BLOB NOT NULL,             -- of each document, its place in these, uint32
    checksum INTEGER NOT NULL
);
CREATE TABLE word_removed (
    segment   INTEGER PRIMARY KEY,
    documents BLOB NOT NULL,            -- positions in the segment, uint32
    checksum  INTEGER NOT NULL
);

CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    operation TEXT NOT NULL CHECK (operation IN ('add', 'remove')),
    snippet   INTEGER NOT NULL
);
"""

MIGRATIONS: tuple[str, ...] = (_M001_FIRST_TABLES,)
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
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise


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
