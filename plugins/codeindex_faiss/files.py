"""Files that are there whole or not at all, and reading them back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import faiss as _faiss

from codeindex.errors import DamagedIndexError, StorageError

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get


def named(files: Mapping[str, str], ending: str) -> str:
    """The file of a generation with this ending.

    Raises:
        DamagedIndexError: there is none.
    """
    for name in files:
        if name.endswith(ending):
            return name
    raise DamagedIndexError(f"the index has no {ending} file")


def read(path: Path, dim: int, flags: int) -> Any:
    """An index with ids, of vectors of `dim` dimensions.

    Raises:
        DamagedIndexError: the file holds something else.
    """
    try:
        index = faiss.read_index(str(path), flags)
    except RuntimeError as error:
        raise DamagedIndexError(f"cannot read {path}: {str(error).splitlines()[-1]}") from error
    if index.d != dim or not hasattr(index, "id_map"):
        raise DamagedIndexError(f"{path} holds vectors of {index.d} dimensions, not {dim}")
    return index


def write(path: Path, produce: Callable[[Callable[[bytes], object]], object]) -> str:
    """Writes a file that is there whole or not at all; returns its SHA-256.

    Args:
        produce: calls what it is given with the parts of the contents, in order.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as file:

            def write(data: bytes) -> None:
                digest.update(data)
                file.write(data)

            produce(write)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes new names in a folder durable."""
    if os.name == "nt":
        return  # Windows has no such thing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
