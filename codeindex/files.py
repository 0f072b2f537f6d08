"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from codeindex.errors import StorageError

try:
    import fcntl
except ImportError:  # Windows: what a killed process leaves there stays
    fcntl = None  # type: ignore[assignment]

_DRAFT = ".codeindex-draft"
_OLD = ".old"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`: write it, and it takes the place of `target` at the end.

    Killed at any instant, `target` is the old file or the new one; what was written to the
    temporary one goes with the next replacing. If the block raises, or removes the temporary
    file, the old one stays.

    Raises:
        StorageError: the folder cannot be written to.
    """
    with _draft(target, _made_file) as temporary:
        yield temporary
        if temporary.exists():
            sync(temporary)
            temporary.chmod(0o644)
            temporary.replace(target)
            sync(target.parent)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target`, which takes its place at the end; see `replacing`.

    A folder cannot be exchanged in one step: killed between two renames, there is none, and
    the new one stands beside it under a hidden name.

    Raises:
        StorageError: the folder cannot be written to.
    """
    with scratch_beside(target) as temporary:
        temporary.chmod(0o755)
        yield temporary
        for path in temporary.rglob("*"):
            sync(path)
        old = temporary.with_name(f"{temporary.name}{_OLD}")
        if target.exists():
            target.rename(old)
        temporary.rename(target)
        _sweep(target)
        sync(target.parent)


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target`, which is gone at the end.

    Raises:
        StorageError: the folder cannot be written to.
    """
    with _draft(target, _made_folder) as temporary:
        yield temporary


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


# -- drafts: locked as long as their process lives, so that others can tell what was left ------


@contextmanager
def _draft(target: Path, make: Callable[[Path], Path]) -> Iterator[Path]:
    _sweep(target)
    try:
        temporary, lock = _made(target, make)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        yield temporary
    finally:
        _delete(temporary)
        if lock is not None:
            os.close(lock)


def _made(target: Path, make: Callable[[Path], Path]) -> tuple[Path, int | None]:
    """A draft and its lock. Before it has that, another process may take it for a left one."""
    while True:
        temporary = make(target)
        with suppress(FileNotFoundError):
            lock = _locked(temporary)
            if lock is None or temporary.exists():
                return temporary, lock
            os.close(lock)


def _made_file(target: Path) -> Path:
    descriptor, name = tempfile.mkstemp(suffix=_DRAFT, prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    return Path(name)


def _made_folder(target: Path) -> Path:
    name = tempfile.mkdtemp(suffix=_DRAFT, prefix=f".{target.name}.", dir=target.parent)
    return Path(name)


def _locked(path: Path, *, wait: bool = True) -> int | None:
    """A descriptor that holds the lock of a draft; None where there is none to be had."""
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another process has it, or the file system knows no locks
        os.close(descriptor)
        return None
    return descriptor


def _sweep(target: Path) -> None:
    """Deletes drafts of processes that were killed, and folders that were replaced.

    Of a process that was killed between two renames, everything is kept until there is a
    whole `target` again.
    """
    stem = f".{escape(target.name)}.*{_DRAFT}"
    for draft in [*target.parent.glob(stem)]:
        if target.exists() or not draft.with_name(f"{draft.name}{_OLD}").exists():
            with suppress(OSError):
                lock = _locked(draft, wait=False)
                if lock is not None:
                    _delete(draft)
                    os.close(lock)
    if target.exists():
        for old in [*target.parent.glob(f"{stem}{_OLD}")]:
            _delete(old)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
