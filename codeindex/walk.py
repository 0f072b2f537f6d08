"""Which files under a path are worth reading, and why the others are not.

Left out unless `WalkOptions.everything` is set: what `.gitignore` ignores (git's rules, for
tracked files too), hidden names, vendored trees, and generated files. `.codeindexignore` has
the same syntax and the last word: it ignores more, and a negated line (`!vendor/`) brings back
what any of these leaves out. The metadata of version control and of codeindex is never read.

Symbolic links are never followed, except where one is a PATH itself: a link inside the tree
would only give a file twice, and one out of it would bring in what nobody asked for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from codeindex.candidates import (
    NOT_UTF8,
    Candidate,
    Skipped,
    SkipReason,
    is_utf8,
    printable,
    unreadable,
)
from codeindex.claims import Claim, Claims
from codeindex.errors import NotFoundError
from codeindex.ignores import (
    IgnoreRules,
    forward,
    inherited_rules,
    read_ignore_file,
    repository_excludes,
)
from codeindex.not_source import METADATA, by_content, by_name
from codeindex.walk_options import Globs, WalkOptions

_NAME = attrgetter("name")
_RULE_FILES = frozenset({".git", ".gitignore", ".codeindexignore"})


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be read."""

    location: str  # absolute, forward slashes, none at the end
    path: str  # what reports call it
    git: IgnoreRules
    own: IgnoreRules
    asked: bool = False  # a PATH, or brought back: markers do not leave it out


def walk(
    paths: Sequence[Path], root: Path, claims: Claims, options: WalkOptions
) -> Iterator[Candidate | Skipped]:
    """Yields each file under `paths` once, as a candidate or with the reason why it is none.

    The order is that of `paths`; below one, the files of a folder by name, then its folders.
    A PATH is taken though a rule above it ignores it, not though `exclude` does.

    Args:
        paths: files and folders; one inside another is walked on its own turn only.
        root: what the paths of the results are relative to.
        claims: which extractor takes which file.
        options: what to leave out.

    Raises:
        NotFoundError: one of `paths` does not exist; before anything is yielded.
    """
    given: dict[str, str] = {}
    for path in paths:
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise NotFoundError(f"no such file or folder: {str(path)!r}") from None
        except OSError:
            pass  # it is reported when its turn comes
        given.setdefault(forward(os.path.realpath(path)), report_path(path, root))
    return _Walk(claims, options, given, forward(os.path.realpath(root))).run()


def report_path(path: Path, root: Path) -> str:
    """What results call `path`: relative to `root`, with forward slashes; the root is "".

    One name for a file however it is reached; as it was given only for links out of the root.
    """
    real, root_real = forward(os.path.realpath(path)), forward(os.path.realpath(root))
    as_given, root_given = forward(os.path.abspath(path)), forward(os.path.abspath(root))
    for one, top in ((real, root_real), (as_given, root_given)):
        if one == top:
            return ""
        if one.startswith(f"{top}/"):
            return one[len(top) + 1 :]
    return forward(os.path.relpath(real or "/", root_real or "/"))


class _Walk:
    """One walk: what stays the same from folder to folder."""

    def __init__(
        self, claims: Claims, options: WalkOptions, given: Mapping[str, str], root: str
    ) -> None:
        self.claims = claims
        self.options = options
        self.globs = Globs.of(options)
        self.given = given
        self.root = root

    def run(self) -> Iterator[Candidate | Skipped]:
        for location, path in self.given.items():
            if not is_utf8(path):
                yield Skipped(printable(path), SkipReason.UNREADABLE, NOT_UTF8)
                continue
            if not METADATA.isdisjoint([*path.split("/"), location.rpartition("/")[2]]):
                yield Skipped(path or ".", SkipReason.METADATA)
                continue
            try:
                is_folder = S_ISDIR(os.stat(location or "/").st_mode)  # noqa: PTH116
            except OSError as error:
                yield unreadable(path, error)
                continue
            if is_folder:
                yield from self.tree(location, path)
            else:
                yield self.single(location, path)

    def tree(self, location: str, path: str) -> Iterator[Candidate | Skipped]:
        git, own = inherited_rules(location, self.root)
        waiting = [_Folder(location, path, git, own, asked=True)]
        while waiting:
            found, folders = self.folder(waiting.pop())
            yield from found
            folders.reverse()
            waiting += folders

    def single(self, location: str, path: str) -> Candidate | Skipped:
        """A PATH that is a file."""
        name = location.rpartition("/")[2]
        try:
            is_file = S_ISREG(os.stat(location).st_mode)  # noqa: PTH116
        except OSError as error:
            return unreadable(path, error)
        claim = self.claims.by_name(name)
        if claim is None and is_file and "." not in name:
            claim = self.claims.by_first_line(location)
        if claim is None:
            return Skipped(path, SkipReason.NO_EXTRACTOR)
        reason = self.globs.leave_out(path, is_folder=False)
        if reason is not None:
            return Skipped(path, reason)
        return self.candidate(location, path, claim)

    def folder(self, folder: _Folder) -> tuple[list[Candidate | Skipped], list[_Folder]]:
        """What is in a folder: its files, and the folders to go on with."""
        found: list[Candidate | Skipped] = []
        try:
            with os.scandir(folder.location or "/") as listing:
                entries = sorted(listing, key=_NAME)
        except OSError as error:
            return [unreadable(folder.path, error, is_folder=True)], []
        names = {entry.name for entry in entries}
        if not folder.asked:
            reason = by_content(folder.location.rpartition("/")[2], names)
            if reason is not None:
                return [Skipped(folder.path, *reason, is_folder=True)], []
        if not self.options.everything and not _RULE_FILES.isdisjoint(names):
            folder = _with_rules(folder, entries, found)
        folders: list[_Folder] = []
        prefix = folder.path and f"{folder.path}/"
        for entry in entries:
            outcome = self.entry(entry, prefix + entry.name, folder)
            if isinstance(outcome, _Folder):
                folders.append(outcome)
            elif outcome is not None:
                found.append(outcome)
        return found, folders

    def entry(
        self, entry: os.DirEntry[str], path: str, parent: _Folder
    ) -> Candidate | Skipped | _Folder | None:
        """What becomes of an entry of a folder; None for a PATH, which has its own turn."""
        if entry.is_dir(follow_symlinks=False):
            return self.subfolder(entry, path, parent)
        claim = self.claims.by_name(entry.name)
        # Most files of a tree end here, so nothing that costs time comes before.
        if claim is None and not self.may_be_source(entry):
            return Skipped(printable(path), SkipReason.NO_EXTRACTOR)
        return self.file(entry, path, parent, claim)

    def subfolder(
        self, entry: os.DirEntry[str], path: str, parent: _Folder
    ) -> _Folder | Skipped | None:
        location = f"{parent.location}/{entry.name}"
        if location in self.given:
            return None
        if entry.name in METADATA:
            return Skipped(path, SkipReason.METADATA, is_folder=True)
        left_out, brought_back = self.leave_out(location, path, parent, is_folder=True)
        if left_out is not None:
            return Skipped(printable(path), left_out, is_folder=True)
        if not is_utf8(entry.name):
            return Skipped(printable(path), SkipReason.UNREADABLE, NOT_UTF8, is_folder=True)
        asked = brought_back or self.options.everything
        return _Folder(location, path, parent.git, parent.own, asked)

    def file(
        self, entry: os.DirEntry[str], path: str, parent: _Folder, claim: Claim | None
    ) -> Candidate | Skipped | None:
        location = f"{parent.location}/{entry.name}"
        if location in self.given:
            return None
        left_out, _ = self.leave_out(location, path, parent, is_folder=False)
        if left_out is not None:
            return Skipped(printable(path), left_out)
        if entry.is_symlink():
            return self.link(location, path)
        if not entry.is_file(follow_symlinks=False):
            return Skipped(printable(path), SkipReason.NOT_A_FILE)
        if not is_utf8(entry.name):
            return Skipped(printable(path), SkipReason.UNREADABLE, NOT_UTF8)
        claim = claim or self.claims.by_first_line(location)
        if claim is None:
            return Skipped(printable(path), SkipReason.NO_EXTRACTOR)
        return self.candidate(location, path, claim, entry)

    def may_be_source(self, entry: os.DirEntry[str]) -> bool:
        """Whether a file that no extractor claims by name needs a second look."""
        try:
            if entry.is_symlink():
                return entry.is_dir()  # a folder may be called anything
            if "." in entry.name or not self.claims.shebangs or not entry.is_file():
                return False
            return os.name != "posix" or bool(entry.stat(follow_symlinks=False).st_mode & 0o111)
        except OSError:
            return False

    def leave_out(
        self, location: str, path: str, parent: _Folder, is_folder: bool
    ) -> tuple[SkipReason | None, bool]:
        """(The reason to leave an entry out, or None; whether .codeindexignore brings it back)."""
        name = location.rpartition("/")[2]
        here = parent.own.verdict(location, name, is_folder) if parent.own.levels else None
        if here:
            return SkipReason.IGNORED_HERE, False
        if here is None and not self.options.everything:
            reason = by_name(name, is_folder)
            if reason is None and parent.git.levels:
                ignored = parent.git.verdict(location, name, is_folder)
                reason = SkipReason.IGNORED if ignored else None
            if reason is not None:
                return reason, False
        return self.globs.leave_out(path, is_folder), here is False

    def link(self, location: str, path: str) -> Skipped:
        """Why a symbolic link is not followed."""
        path = printable(path)
        try:
            target = os.stat(location)  # noqa: PTH116
        except OSError as error:
            loops = error.errno == errno.ELOOP
            return Skipped(path, SkipReason.SYMLINK_LOOP if loops else SkipReason.SYMLINK_BROKEN)
        if S_ISDIR(target.st_mode) and _is_above(target, location):
            return Skipped(path, SkipReason.SYMLINK_LOOP)
        real = forward(os.path.realpath(location))
        inside = any(real == top or real.startswith(f"{top}/") for top in self.given)
        reason = SkipReason.SYMLINK if inside else SkipReason.SYMLINK_OUTSIDE
        return Skipped(path, reason, printable(real) if not inside else "")

    def candidate(
        self, location: str, path: str, claim: Claim, entry: os.DirEntry[str] | None = None
    ) -> Candidate | Skipped:
        """A regular file that is claimed, if its size allows."""
        try:
            state = entry.stat(follow_symlinks=False) if entry else os.stat(location)  # noqa: PTH116
        except OSError as error:
            return unreadable(path, error)
        if not S_ISREG(state.st_mode):
            return Skipped(path, SkipReason.NOT_A_FILE)
        if state.st_size > self.options.max_bytes:
            limit = f"{state.st_size:,} bytes; the limit is {self.options.max_bytes:,}"
            return Skipped(path, SkipReason.TOO_LARGE, limit)
        return Candidate(
            path,
            Path(location),
            claim.language,
            claim.extractor,
            state.st_size,
            state.st_mtime_ns,
            state.st_ctime_ns,
        )


def _with_rules(
    folder: _Folder, entries: Iterable[os.DirEntry[str]], found: list[Candidate | Skipped]
) -> _Folder:
    """The folder with the rules of its own ignore files; one that cannot be read is reported."""
    git, own = folder.git, folder.own
    for entry in entries:  # sorted: .codeindexignore, .git, .gitignore
        name = entry.name
        if name == ".git":
            # A repository starts here. Its files are its own: git applies no rules from above.
            git = IgnoreRules().with_file(folder.location, repository_excludes(folder.location))
        elif name in _RULE_FILES and entry.is_file(follow_symlinks=False):
            try:
                text = read_ignore_file(entry.path)
            except OSError as error:
                found.append(unreadable(f"{folder.path}/{name}".lstrip("/"), error))
                continue
            if name == ".gitignore":
                git = git.with_file(folder.location, text)
            else:
                own = own.with_file(folder.location, text)
    return _Folder(folder.location, folder.path, git, own, folder.asked)


def _is_above(folder: os.stat_result, location: str) -> bool:
    """Whether `folder` is one that `location` is in, by device and inode."""
    try:
        return any(os.path.samestat(folder, parent.stat()) for parent in Path(location).parents)
    except OSError:
        return False
