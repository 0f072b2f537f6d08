"""One writer at a time: a lock on the index folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codeindex.errors import IndexLockedError, StorageError

PATIENCE = 2.0
"""Seconds that a writer waits: a reader may be finishing what a killed writer has left."""

_LOCK = "lock"
_WRITER = "writer"


@contextmanager
def writing(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Holds the writer's lock of an index. The system frees it when the process ends, however.

    Args:
        patience: seconds to wait for it.

    Raises:
        IndexLockedError: another process holds it.
        StorageError: the lock file cannot be made.
    """
    from filelock import FileLock, Timeout  # 30 ms to import, and readers never need it

    lock = FileLock(folder / _LOCK, timeout=patience)
    try:
        lock.acquire()
    except Timeout:
        raise IndexLockedError(
            f"another codeindex process{_writer(folder)} is writing to {folder};"
            " wait until it has ended, or stop it"
        ) from None
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}") from error
    try:
        with suppress(OSError):  # only names the process in the other one's message
            (folder / _WRITER).write_text(str(os.getpid()))
        yield
    finally:
        with suppress(OSError):
            (folder / _WRITER).unlink(missing_ok=True)
        lock.release()


def _writer(folder: Path) -> str:
    try:
        return f" (pid {int((folder / _WRITER).read_text())})"
    except (OSError, ValueError):
        return ""
