"""Where an index lives: ``.codeindex/`` at the root of what it is of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from codeindex.errors import NotFoundError, StorageError, UsageError

FOLDER = ".codeindex"
CATALOG = "catalog.sqlite"

BACKENDS = "backend"

_MADE_BY = "# Made by codeindex"
_GITIGNORE = f"{_MADE_BY}: the index is derived from the sources.\n*\n"
_LOCKS = frozenset({"lock", "writer"})
_OURS = _LOCKS | {".gitignore", BACKENDS}
"""What an index folder holds, besides the catalog and its drafts."""


def find_index(start: Path) -> Path:
    """The nearest index from `start` upwards, as git looks for its own.

    It is a folder ``.codeindex`` in one of these, or one of these is an index itself.

    Raises:
        NotFoundError: there is none.
    """
    folder = start.absolute()
    for place in (folder, *folder.parents):
        if is_index(place / FOLDER):
            return place / FOLDER
        if _is_index_itself(place):
            return place
    below = sorted(place.parent.parent.name for place in folder.glob(f"*/{FOLDER}/{CATALOG}"))
    if below:
        raise NotFoundError(
            f"no index in {folder} or above, but in {below[0]}: say --index {below[0]},"
            " or search from within it"
        )
    raise NotFoundError(
        f"no index in {folder} or above; make one with: codeindex index PATH"
        " (or name one with --index)"
    )


def is_index(folder: Path) -> bool:
    """Whether `folder` holds an index."""
    return (folder / CATALOG).is_file()


def _is_index_itself(folder: Path) -> bool:
    """The same for a folder that nobody named: another program may have such a file, too."""
    return is_index(folder) and (_is_made(folder) or folder.name == FOLDER)


def _is_made(folder: Path) -> bool:
    """Whether `make_folder` has made it."""
    try:
        return (folder / ".gitignore").read_text("utf-8").startswith(_MADE_BY)
    except (OSError, UnicodeDecodeError):
        return False


def check_own(folder: Path) -> None:
    """Refuses to make an index among other files.

    What a run that was killed has left there is no hindrance.

    Raises:
        UsageError: the folder holds something that is not an index's.
    """
    if not folder.is_dir():
        return  # what else it may be, `make_folder` says
    names = sorted(path.name for path in folder.iterdir())
    ours = _OURS if _is_made(folder) else _LOCKS
    if _is_empty(folder / ".gitignore"):  # killed before it was written: there was no more yet
        ours = ours | {".gitignore"}
    others = [name for name in names if name not in ours and not name.startswith(CATALOG)]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise UsageError(
            f"{folder} is not empty and holds no index, but {others[0]!r}{more}: an index needs a"
            " folder of its own; name another, one that need not be there yet"
        )


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def clear(folder: Path) -> None:
    """Takes away what was written into a folder that `check_own` lets pass; its lock stays."""
    import shutil

    if _is_made(folder):
        shutil.rmtree(folder / BACKENDS, ignore_errors=True)
    for path in folder.glob(f"{CATALOG}*"):
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Makes the folder of an index, ignored by git.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists() or _is_empty(ignore):
            ignore.write_text(_GITIGNORE)
    except OSError as error:
        raise StorageError(
            f"cannot make the index folder {folder}: {error.strerror or error};"
            " choose another place for it"
        ) from error


def common_root(paths: Sequence[Path]) -> Path:
    """The root of an index of these: the one of them, or the folder that has them all."""
    if len(paths) == 1:
        return paths[0]
    try:
        return Path(os.path.commonpath([os.path.abspath(path) for path in paths]))
    except ValueError:  # on two drives of Windows
        return paths[0]


def kept_root(root: Path, folder: Path) -> str:
    """The root of the sources, as the index in `folder` keeps it.

    Relative where the index lies within them, so that the tree can be moved as a whole;
    absolute elsewhere, so that the index can.
    """
    within = Path(os.path.abspath(folder)).is_relative_to(os.path.abspath(root))
    return os.path.relpath(root, folder) if within else os.path.abspath(root)
