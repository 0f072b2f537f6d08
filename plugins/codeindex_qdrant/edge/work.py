"""Work: the folder in which a shard is changed, and the lock that only one writer holds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from codeindex.errors import IndexLockedError, StorageError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK = "writer.lock"


class Work:
    """At most one folder, there from the first change to its commit, and as long the lock.

    The engine keeps others out only by its log, which is off (see `shard`).
    """

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the backend; nothing is written to it yet."""
        self._folder = folder
        self._lock: BaseFileLock | None = None
        self.path: Path | None = None

    @contextmanager
    def renewed(self) -> Iterator[Path]:
        """A new folder, which takes the place of the present one unless something is raised.

        Raises:
            IndexLockedError: another process has changes that it has not committed.
            StorageError: the folder cannot be written.
        """
        self._acquire()
        try:
            new = self._made()
            try:
                yield new
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
        except BaseException:
            if self.path is None:
                self._release()
            raise
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
        self.path = new

    def leave(self) -> None:
        """It was committed: the host deletes what is of no commit, this folder with it."""
        self.path = None
        self._release()

    def discard(self) -> None:
        """Deletes the folder, if there is one."""
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
        self.leave()

    def _made(self) -> Path:
        try:
            return Path(tempfile.mkdtemp(prefix="work-", dir=self._folder))
        except OSError as error:
            raise StorageError(
                f"cannot write to {self._folder}: {error.strerror or error}"
            ) from error

    def _acquire(self) -> None:
        from filelock import FileLock, Timeout  # 30 ms to import, and readers never need it

        if self._lock is not None:
            return
        lock = FileLock(self._folder / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise IndexLockedError(
                f"another process is changing {self._folder}; wait until it has ended, or stop it"
            ) from None
        except OSError as error:
            raise StorageError(
                f"cannot write to {self._folder}: {error.strerror or error}"
            ) from error
        self._lock = lock

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
