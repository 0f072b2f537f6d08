"""What a walk finds: a file to read, or a file or folder that is left out, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

NOT_UTF8 = "its name is not UTF-8"


class SkipReason(StrEnum):
    """Why a file or folder is not read."""

    IGNORED = "ignored by .gitignore"
    IGNORED_HERE = "ignored by .codeindexignore"
    EXCLUDED = "excluded"
    NOT_INCLUDED = "not included"
    HIDDEN = "hidden"
    VENDORED = "vendored"
    GENERATED = "generated"
    METADATA = "version control or index data"
    NO_EXTRACTOR = "no extractor for it"
    SYMLINK = "symbolic link inside the tree"
    SYMLINK_OUTSIDE = "symbolic link out of the tree"
    SYMLINK_LOOP = "symbolic link to a folder that it is in"
    SYMLINK_BROKEN = "symbolic link to nothing"
    TOO_LARGE = "too large"
    NOT_A_FILE = "not a regular file"
    UNREADABLE = "cannot be read"


_ERRORS = frozenset({SkipReason.TOO_LARGE, SkipReason.NOT_A_FILE, SkipReason.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that an extractor claims.

    Attributes:
        path: relative to the root, with forward slashes; starts with ``../`` outside of it.
        location: the file on disk, absolute, itself no symbolic link.
        language: lower-case name of its language.
        extractor: name of the extractor that claims it.
        size: in bytes.
        mtime_ns: when its content last changed.
        ctime_ns: when its inode last changed.
    """

    path: str
    location: Path
    language: str
    extractor: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not read, and why. A folder stands for all that is in it."""

    path: str
    reason: SkipReason
    detail: str = ""
    is_folder: bool = False

    @property
    def is_error(self) -> bool:
        """Whether a source is missing that no rule leaves out: what ``--strict`` fails on.

        A source over the size limit is one: raise the limit, or exclude it to say that
        it may be missing.
        """
        return self.reason in _ERRORS


def unreadable(path: str, error: OSError, *, is_folder: bool = False) -> Skipped:
    """A file or folder that the system does not let us read."""
    gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
    detail = "it vanished" if gone else (error.strerror or str(error)).lower()
    return Skipped(printable(path) or ".", SkipReason.UNREADABLE, detail, is_folder)


def is_utf8(name: str) -> bool:
    """Whether a name can be written as UTF-8, as the catalog does."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(path: str) -> str:
    """`path` with the bytes that are not UTF-8 written as ``\\xff``: it can be stored and shown."""
    if is_utf8(path):
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")
