"""Generations: what a commit leaves in the index, never changed again.

The engine alters a shard's folder by opening it: times, and at first bytes. So no committed
file is ever opened by it. `generation-000001/` holds a pack of the many small files, their
holes left out, and apart from it the few large ones. To search, the pack is unpacked into a
folder of its own that links to the large files; to change, those that change are copied.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from codeindex.errors import DamagedIndexError, StorageError
from codeindex_qdrant.edge import sparse
from codeindex_qdrant.edge.notes import Notes
from codeindex_qdrant.edge.pack import DigestedFile, PackWriter, read_pack

_PACK = "pack"
_FOLDER = re.compile(r"generation-(\d+)\Z")
_APART_FROM = 1 << 20
"""Bytes from which a file stands apart from the pack, if a search leaves it untouched."""

_UNTOUCHED = re.compile(r"(chunk_\d+\.mmap|page_\d+\.dat)\Z")
"""Files that the engine only changes when vectors are added or removed."""

_FIXED = re.compile(r"(matrix\.dat|links\w*\.bin|point_to_values\.bin|values_to_points\.bin)\Z")
"""Files that the engine never changes once they are made."""


def write(work: Path, folder: Path, notes: Notes, committed: Mapping[str, str]) -> dict[str, str]:
    """Makes a generation of a closed shard's folder, durably; `work` is left as it is.

    Args:
        committed: the files of the generation before, with their SHA-256.

    Returns:
        The new files, relative to `folder`, with their SHA-256.

    Raises:
        StorageError: the disk is full or the folder cannot be written; nothing was made.
    """
    target = folder / f"generation-{_last(folder) + 1:06}"
    try:
        target.mkdir()
        known = {_identity(folder / name): digest for name, digest in committed.items()}
        files = {f"{target.name}/{_PACK}": ""}
        with (target / _PACK).open("wb") as file:
            pack = PackWriter(file, notes)
            for path in sorted(path for path in work.rglob("*") if path.is_file()):
                name = path.relative_to(work).as_posix()
                if _stands_apart(path):
                    placed = target / f"{len(files):04}-{path.name}"
                    files[f"{target.name}/{placed.name}"] = _place(path, placed, known)
                    pack.add_apart(name, placed.name)
                else:
                    pack.add(name, path)
            file.flush()
            os.fsync(file.fileno())
        files[f"{target.name}/{_PACK}"] = pack.digest()
        _sync_folder(target)
        _sync_folder(folder)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    return files


def unpack_to_search(folder: Path, files: Mapping[str, str], target: Path) -> Notes:
    """Makes a shard's folder that is good for searching, and only for that.

    Raises:
        DamagedIndexError: the files are not those of a generation.
        StorageError: there is no room in `target`.
    """
    return _unpack(folder, files, target, lambda name: _point_to if _FIXED.search(name) else _link)


def unpack_to_change(folder: Path, files: Mapping[str, str], target: Path) -> Notes:
    """Makes a shard's folder whose changes leave the generation as it is.

    Raises:
        DamagedIndexError: the files are not those of a generation.
        StorageError: there is no room in `target`.
    """
    return _unpack(
        folder, files, target, lambda name: _link if _FIXED.search(name) else sparse.copy
    )


def _unpack(
    folder: Path,
    files: Mapping[str, str],
    target: Path,
    placing: Callable[[str], Callable[[Path, Path], None]],
) -> Notes:
    packed = next((name for name in files if name.endswith(f"/{_PACK}")), None)
    if packed is None:
        raise DamagedIndexError(f"the index at {folder} has no pack of a generation")
    pack = folder / packed
    try:
        with pack.open("rb") as opened:
            file = DigestedFile(opened)
            notes, entries = read_pack(file)
            for entry in entries:
                path = target / entry.name
                path.parent.mkdir(parents=True, exist_ok=True)
                if entry.apart is None:
                    sparse.write(path, entry.size, entry.pieces)
                elif f"{pack.parent.name}/{entry.apart}" in files:
                    placing(path.name)(pack.parent / entry.apart, path)
                else:
                    raise ValueError(f"it has no file {entry.apart}")
            # It is read to its end anyway, and the engine dies of some of the bits that a disk
            # may turn: the host does not read again a file that looks untouched.
            if file.digest() != files[packed]:
                raise ValueError("its digest differs")
    except FileNotFoundError as error:
        raise DamagedIndexError(f"{error.filename} is not there") from error
    except OSError as error:
        raise StorageError(f"cannot unpack {pack}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedIndexError(f"cannot read {pack}: {error}") from error
    return notes


def _stands_apart(path: Path) -> bool:
    """Whether it is large, and to be linked to."""
    if not (_UNTOUCHED.match(path.name) or _FIXED.match(path.name)):
        return False
    total = 0
    for _, data in sparse.pieces(path):
        total += len(data)
        if total >= _APART_FROM:
            return True
    return False


def _place(source: Path, target: Path, known: Mapping[tuple[int, int], str]) -> str:
    """Gives a file of `work` its place in a generation, durably; its SHA-256."""
    digest = known.get(_identity(source))
    _link(source, target)
    if digest is None:
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    return digest


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where there can be none.

    The engine opens for writing what it only reads. And it counts the pages and chunks of a
    folder, but no symbolic links to them.
    """
    try:
        _refuse_readonly(source)
        target.hardlink_to(source)
    except OSError:
        sparse.copy(source, target)


def _point_to(source: Path, target: Path) -> None:
    """A symbolic link, which works from another disk too; a copy where there can be none."""
    try:
        _refuse_readonly(source)
        target.symlink_to(source.absolute())
    except OSError:
        sparse.copy(source, target)


def _refuse_readonly(path: Path) -> None:
    if not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _last(folder: Path) -> int:
    matches = (_FOLDER.match(path.name) for path in folder.iterdir())
    return max((int(match[1]) for match in matches if match), default=0)


def _sync_folder(folder: Path) -> None:
    """Makes new names in a folder durable."""
    if os.name == "nt":
        return  # Windows has no such thing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
