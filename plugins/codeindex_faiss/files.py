"""Files that are there whole or not at all, and reading them back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss as _faiss

from codeindex.errors import DamagedIndexError, StorageError

_WORTH_A_THREAD = 200_000  # bytes

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get


def read(path: Path, flags: int) -> Any:
    """A FAISS index.

    Raises:
        DamagedIndexError: the file holds something else.
    """
    try:
        return faiss.read_index(str(path), flags)
    except RuntimeError as error:
        raise DamagedIndexError(f"cannot read {path}: {str(error).splitlines()[-1]}") from error


def write_index(index: Any, path: Path) -> str:
    """Streams an index into a file, so that no second copy of it is in memory; its SHA-256.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """

    def produce(put: Callable[[bytes], object]) -> None:
        failures: list[OSError] = []

        def keep_error(data: bytes) -> None:
            if not failures:  # faiss would lose the exception
                try:
                    put(data)
                except OSError as error:
                    failures.append(error)

        faiss.write_index(index, faiss.PyCallbackIOWriter(keep_error, 1 << 20))
        if failures:
            raise failures[0]

    return write(path, produce)


def write(path: Path, produce: Callable[[Callable[[bytes], object]], object]) -> str:
    """Writes a file that is there whole or not at all; returns its SHA-256.

    Args:
        produce: calls what it is given with the parts of the contents, in order.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    digest = hashlib.sha256()
    # The digest is taken while the disk takes the data: both let other threads run.
    with ThreadPoolExecutor(1) as pool:
        try:
            with temporary.open("wb") as file:
                waiting: Future[None] | None = None

                def put(data: bytes) -> None:
                    nonlocal waiting
                    if waiting is not None:
                        waiting.result()
                        waiting = None
                    if len(data) < _WORTH_A_THREAD:
                        digest.update(data)
                    else:
                        waiting = pool.submit(digest.update, data)
                    file.write(data)

                produce(put)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return digest.hexdigest()
