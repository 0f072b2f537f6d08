"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeindex.errors import StorageError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`: write it, and it takes the place of `target` at the end.

    Killed at any instant, `target` is the old file or the new one. If the block raises, or
    removes the temporary file, the old one stays.

    Raises:
        StorageError: the folder cannot be written to.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        if temporary.exists():
            sync(temporary)
            temporary.chmod(0o644)
            temporary.replace(target)
            sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target`, which takes its place at the end; see `replacing`.

    A folder cannot be exchanged in one step: killed between two renames, there is none, and
    the new one stands beside it under a hidden name.

    Raises:
        StorageError: the folder cannot be written to.
    """
    try:
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        temporary.chmod(0o755)
        yield temporary
        for path in temporary.rglob("*"):
            sync(path)
        old = temporary.with_name(f"{temporary.name}.old")
        if target.exists():
            target.rename(old)
        temporary.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_whole(target: Path, text: str) -> None:
    """Writes a text file, as `replacing` does.

    Raises:
        StorageError: it cannot be written.
    """
    with replacing(target) as temporary:
        temporary.write_text(text, "utf-8", errors="replace")


def sync(path: Path) -> None:
    """To the disk; of a folder, the names in it."""
    if os.name == "nt" and path.is_dir():
        return  # a folder cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
