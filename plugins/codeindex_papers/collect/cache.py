"""The cache of clones: whole ones only, each under a name made of its address."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from codeindex.errors import StorageError, UsageError
from codeindex.locking import writing

_UNFINISHED = ".unfinished-"
_TREE = "tree"
_FACTS = "clone.json"


@dataclass(frozen=True, slots=True)
class Clone:
    """A finished clone: the folder of its files, and its commit."""

    tree: Path
    commit: str


def default_cache(environment: Mapping[str, str]) -> Path:
    """The folder for clones in the user's cache folder.

    Raises:
        UsageError: the user has no home.
    """
    named = environment.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():  # the standard: any other is to be ignored
        return Path(named) / "codeindex" / "papers"
    local = environment.get("LOCALAPPDATA", "")
    try:
        if sys.platform == "win32" and local:
            folder = Path(local)
        elif sys.platform == "darwin":
            folder = Path.home() / "Library" / "Caches"
        else:
            folder = Path.home() / ".cache"
    except RuntimeError:
        raise UsageError("no home folder to keep clones in; name a folder with --cache") from None
    return folder / "codeindex" / "papers"


@contextmanager
def open_cache(folder: Path) -> Iterator[Cache]:
    """The cache at `folder`, for one process at a time; what a killed one left behind is removed.

    Raises:
        IndexLockedError: another process is using it.
        StorageError: it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the cache {folder}: {error.strerror or error}; name another with --cache"
        ) from error
    with writing(folder):
        for left in folder.glob(f"{_UNFINISHED}*"):
            _remove(left)
        yield Cache(folder)


class Cache:
    """Clones by the identity of their repository (see `urls.identity`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, identity: str) -> Clone | None:
        """The clone of a repository, if there is one that is whole."""
        place = self._place(identity)
        try:
            facts = json.loads((place / _FACTS).read_bytes())
            whole = facts["repository"] == identity and (place / _TREE).is_dir()
            return Clone(place / _TREE, str(facts["commit"])) if whole else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    @contextmanager
    def making(self) -> Iterator[Path]:
        """A path for a new clone; what is there at the end and was not kept is removed."""
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.folder))
        try:
            yield folder / _TREE
        finally:
            _remove(folder)

    def keep(self, tree: Path, identity: str, commit: str) -> Clone:
        """Takes in what was cloned at a path that `making` gave; from here on, it is found."""
        facts = {"repository": identity, "commit": commit}
        (tree.parent / _FACTS).write_text(json.dumps(facts), "utf-8")
        place = self._place(identity)
        if place.exists():
            _remove(place)  # `find` did not want it
        tree.parent.rename(place)
        return Clone(place / _TREE, commit)

    def _place(self, identity: str) -> Path:
        last = re.split(r"[/:\\]", identity.rstrip("/"))[-1]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-")[:60]
        digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=8).hexdigest()
        return self.folder / f"{name or 'repository'}-{digest}"


def _remove(folder: Path) -> None:
    with suppress(RecursionError):  # a thousand folders in one another
        shutil.rmtree(folder, ignore_errors=True)
