"""Opening the catalog's SQLite file, and SQLite's errors in the user's words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeindex.errors import DamagedIndexError, IndexLockedError, StorageError

BUSY_SECONDS = 10.0


def connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun on purpose only.

    Args:
        path: the catalog file; it must exist if `readonly`.
        readonly: for searching. Works in a folder that cannot be written, too.

    Raises:
        StorageError, DamagedIndexError: see `translated`.
    """
    with translated(path):
        if readonly:
            uri = f"{path.absolute().as_uri()}?mode=ro"
            if not os.access(path.parent, os.W_OK):
                uri += "&immutable=1"  # SQLite cannot make its -shm file here
            connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        else:
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.execute("PRAGMA page_size=16384")
        try:
            if not readonly:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA wal_autocheckpoint=2000")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA cache_size=-8192")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into codeindex's.

    Raises:
        IndexLockedError: another process holds the database.
        StorageError: the disk is full, or the file cannot be written.
        DamagedIndexError: the file is not the database that was written.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _translation(error, path) from error
    except UnicodeDecodeError as error:  # in what SQLite says of a damaged schema
        raise _damaged(path, error) from error


def _translation(error: sqlite3.Error, path: Path) -> Exception:
    text = str(error)
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return IndexLockedError(f"another process is writing to {path}; wait for it to end")
    if name.startswith("SQLITE_FULL"):
        return StorageError(f"no space left to write {path}; what was committed before is kept")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR")):
        return StorageError(f"cannot read or write {path}: {text}")
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError
    ):
        return _damaged(path, error)
    return error


def _damaged(path: Path, error: Exception) -> DamagedIndexError:
    return DamagedIndexError(
        f"{path} is damaged ({error}). All that it holds can be made again from the sources:"
        f" delete the folder {path.parent} and run codeindex index"
    )
