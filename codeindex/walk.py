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
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from codeindex.errors import NotFoundError, UsageError
from codeindex.filters import Filter
from codeindex.ignores import (
    IgnoreRules,
    forward,
    inherited_rules,
    read_ignore_file,
    repository_excludes,
)
from codeindex.specs import ExtractorSpec

MAX_BYTES = 2_000_000


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
class WalkOptions:
    """What to leave out.

    Attributes:
        include: globs (see `Filter.paths`); if given, only files that one of them matches.
        exclude: globs of files that are left out, whatever else holds.
        everything: also hidden, vendored, generated and ignored files.
        max_bytes: larger files are not read.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False
    max_bytes: int = MAX_BYTES


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


@dataclass(frozen=True, slots=True)
class Claim:
    """An extractor's claim to a file: its name, and the language of the file."""

    extractor: str
    language: str


@dataclass(frozen=True, slots=True)
class Claims:
    """Which extractor takes which file: by suffix (``.py``, ``.d.ts``) or by interpreter.

    Only a file without suffix is looked into for its ``#!`` line, and, where files have such a
    mark, only if it is executable: others need not be opened.
    """

    suffixes: Mapping[str, Claim]
    shebangs: Mapping[str, Claim]

    @classmethod
    def of(cls, specs: Iterable[ExtractorSpec]) -> Claims:
        """The claims of the extractors that are applied while walking.

        Raises:
            UsageError: two of them claim the same suffix or interpreter.
        """
        suffixes: dict[str, Claim] = {}
        shebangs: dict[str, Claim] = {}
        for spec in specs:
            if spec.when_asked:
                continue
            for table, claimed in ((suffixes, spec.suffixes), (shebangs, spec.shebangs)):
                for mark, language in claimed.items():
                    claim = Claim(spec.name, language)
                    first = table.setdefault(mark.lower(), claim)
                    if first.extractor != spec.name:
                        raise UsageError(
                            f"extractors {first.extractor!r} and {spec.name!r} both claim "
                            f"{mark!r}; use one of them"
                        )
        return cls(suffixes, shebangs)

    def by_name(self, name: str) -> Claim | None:
        """The claim to a file of this name: its longest suffix counts."""
        dot = name.find(".", 1)
        while dot > 0:
            claim = self.suffixes.get(name[dot:].lower())
            if claim is not None:
                return claim
            dot = name.find(".", dot + 1)
        return None

    def by_first_line(self, location: str) -> Claim | None:
        """The claim to a regular file by its ``#!`` line; None too if it cannot be read."""
        if not self.shebangs:
            return None
        try:
            descriptor = os.open(location, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                match = _SHEBANG.match(os.read(descriptor, 256))
            finally:
                os.close(descriptor)
        except OSError:
            return None
        if match is None:
            return None
        interpreter = match[1].decode("utf-8", "replace").rpartition("/")[2].lower()
        # "python3.12" is the "python3" or "python" that a plugin knows.
        names = (interpreter, interpreter.partition(".")[0], interpreter.rstrip("0123456789.-"))
        return next((self.shebangs[name] for name in names if name in self.shebangs), None)


_SHEBANG = re.compile(rb"#!\s*(?:\S*/env\s+(?:-\S+\s+|\w+=\S*\s+)*)?(\S+)")

_NAME = attrgetter("name")
_NOT_UTF8 = "its name is not UTF-8"
_METADATA = frozenset({".git", ".hg", ".svn", ".jj", ".bzr", "CVS", "_darcs", ".codeindex"})
_VENDORED = frozenset(
    {"node_modules", "bower_components", "jspm_packages", "site-packages", "dist-packages"}
    | {"vendor", "vendors", "vendored", "_vendor", "_vendored"}
    | {"third_party", "third-party", "thirdparty", "3rdparty"}
)
_GENERATED_FOLDERS = frozenset({"__pycache__", "__pypackages__"})
_GENERATED_FOLDER_ENDINGS = (".egg-info", ".dist-info")
_GENERATED_FILE = re.compile(
    r".*(?:_pb2(?:_grpc)?\.pyi?|[.-]min\.(?:m?js|css)|\.bundle\.js|\.pb\.(?:go|cc|h)"
    r"|\.(?:g|freezed)\.dart|\.designer\.cs|[._]generated\.\w+)\Z",
    re.IGNORECASE | re.DOTALL,
)
# A file that tells what the folder around it is. `build` and `dist` are ordinary names of
# packages, so they are left out only where what is in them shows that a tool wrote them.
_MARKERS = {
    "pyvenv.cfg": (SkipReason.VENDORED, "a virtual environment"),
    "conda-meta": (SkipReason.VENDORED, "a conda environment"),
    "CACHEDIR.TAG": (SkipReason.GENERATED, "a cache"),
    "CMakeCache.txt": (SkipReason.GENERATED, "a build folder"),
}
_BUILT = {
    "build": re.compile(r"(?:bdist|temp|lib|scripts)(?:[.-].*)?\Z|build\.ninja\Z"),
    "dist": re.compile(r".*\.(?:whl|tar\.gz|egg)\Z"),
}
_RULE_FILES = frozenset({".git", ".gitignore", ".codeindexignore"})


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be read."""

    location: str  # absolute, forward slashes, none at the end
    path: str  # what reports call it
    git: IgnoreRules
    own: IgnoreRules
    asked: bool = False  # a PATH, or brought back: markers do not leave it out


@dataclass(frozen=True, slots=True)
class _Globs:
    """Include and exclude, prepared for files and for whole folders."""

    include: Filter
    exclude: Filter
    exclude_below: Filter  # those that match all that is in a folder whose "name/" they match

    @classmethod
    def of(cls, options: WalkOptions) -> _Globs:
        below = tuple(
            glob
            for glob in options.exclude
            if not any(mark in glob for mark in "*?[")
            or (glob.endswith("**") and not glob.endswith("***"))
        )
        return cls(Filter(options.include), Filter(options.exclude), Filter(below))

    def leave_out(self, path: str, is_folder: bool) -> SkipReason | None:
        if is_folder:
            excluded = self.exclude_below and self.exclude_below.matches_path(f"{path}/")
            return SkipReason.EXCLUDED if excluded else None
        if self.exclude and self.exclude.matches_path(path):
            return SkipReason.EXCLUDED
        return None if self.include.matches_path(path) else SkipReason.NOT_INCLUDED


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
    root_given, root_real = forward(os.path.abspath(root)), forward(os.path.realpath(root))
    for path in paths:
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise NotFoundError(f"no such file or folder: {str(path)!r}") from None
        except OSError:
            pass  # it is reported when its turn comes
        real = forward(os.path.realpath(path))
        given.setdefault(real, _report_path(path, real, root_given, root_real))
    return _Walk(claims, options, given, root_real).run()


def _report_path(path: Path, real: str, root_given: str, root_real: str) -> str:
    """One name for a file however it is reached; as it was given only for links out of the root."""
    as_given = forward(os.path.abspath(path))
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
        self.globs = _Globs.of(options)
        self.given = given
        self.root = root

    def run(self) -> Iterator[Candidate | Skipped]:
        for location, path in self.given.items():
            if not _is_utf8(path):
                yield Skipped(_printable(path), SkipReason.UNREADABLE, _NOT_UTF8)
                continue
            if not _METADATA.isdisjoint([*path.split("/"), location.rpartition("/")[2]]):
                yield Skipped(path or ".", SkipReason.METADATA)
                continue
            try:
                is_folder = S_ISDIR(os.stat(location or "/").st_mode)  # noqa: PTH116
            except OSError as error:
                yield _unreadable(path, error)
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
            return _unreadable(path, error)
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
            return [_unreadable(folder.path, error, is_folder=True)], []
        names = {entry.name for entry in entries}
        if not folder.asked:
            skipped = _by_content(folder, names)
            if skipped is not None:
                return [skipped], []
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
            return Skipped(_printable(path), SkipReason.NO_EXTRACTOR)
        return self.file(entry, path, parent, claim)

    def subfolder(
        self, entry: os.DirEntry[str], path: str, parent: _Folder
    ) -> _Folder | Skipped | None:
        location = f"{parent.location}/{entry.name}"
        if location in self.given:
            return None
        if entry.name in _METADATA:
            return Skipped(path, SkipReason.METADATA, is_folder=True)
        left_out, brought_back = self.leave_out(location, path, parent, is_folder=True)
        if left_out is not None:
            return Skipped(_printable(path), left_out, is_folder=True)
        if not _is_utf8(entry.name):
            return Skipped(_printable(path), SkipReason.UNREADABLE, _NOT_UTF8, is_folder=True)
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
            return Skipped(_printable(path), left_out)
        if entry.is_symlink():
            return self.link(location, path)
        if not entry.is_file(follow_symlinks=False):
            return Skipped(_printable(path), SkipReason.NOT_A_FILE)
        if not _is_utf8(entry.name):
            return Skipped(_printable(path), SkipReason.UNREADABLE, _NOT_UTF8)
        claim = claim or self.claims.by_first_line(location)
        if claim is None:
            return Skipped(_printable(path), SkipReason.NO_EXTRACTOR)
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
            reason = _by_name(name, is_folder)
            if reason is None and parent.git.levels:
                ignored = parent.git.verdict(location, name, is_folder)
                reason = SkipReason.IGNORED if ignored else None
            if reason is not None:
                return reason, False
        return self.globs.leave_out(path, is_folder), here is False

    def link(self, location: str, path: str) -> Skipped:
        """Why a symbolic link is not followed."""
        path = _printable(path)
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
        return Skipped(path, reason, _printable(real) if not inside else "")

    def candidate(
        self, location: str, path: str, claim: Claim, entry: os.DirEntry[str] | None = None
    ) -> Candidate | Skipped:
        """A regular file that is claimed, if its size allows."""
        try:
            state = entry.stat(follow_symlinks=False) if entry else os.stat(location)  # noqa: PTH116
        except OSError as error:
            return _unreadable(path, error)
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
                found.append(_unreadable(f"{folder.path}/{name}".lstrip("/"), error))
                continue
            if name == ".gitignore":
                git = git.with_file(folder.location, text)
            else:
                own = own.with_file(folder.location, text)
    return _Folder(folder.location, folder.path, git, own, folder.asked)


def _by_name(name: str, is_folder: bool) -> SkipReason | None:
    if name[0] == ".":
        return SkipReason.HIDDEN
    if is_folder:
        if name in _VENDORED:
            return SkipReason.VENDORED
        generated = name in _GENERATED_FOLDERS or name.endswith(_GENERATED_FOLDER_ENDINGS)
    else:
        generated = _GENERATED_FILE.match(name) is not None
    return SkipReason.GENERATED if generated else None


def _by_content(folder: _Folder, names: set[str]) -> Skipped | None:
    """A folder that shows by what is in it that nobody wrote it here."""
    for marker, (reason, detail) in _MARKERS.items():
        if marker in names:
            return Skipped(folder.path, reason, detail, is_folder=True)
    built = _BUILT.get(folder.location.rpartition("/")[2])
    # A package called "build" is source, whatever else it holds.
    if built and "__init__.py" not in names and any(built.match(name) for name in names):
        return Skipped(folder.path, SkipReason.GENERATED, "a build folder", is_folder=True)
    return None


def _is_above(folder: os.stat_result, location: str) -> bool:
    """Whether `folder` is one that `location` is in, by device and inode."""
    try:
        return any(os.path.samestat(folder, parent.stat()) for parent in Path(location).parents)
    except OSError:
        return False


def _unreadable(path: str, error: OSError, *, is_folder: bool = False) -> Skipped:
    gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
    detail = "it vanished" if gone else (error.strerror or str(error)).lower()
    return Skipped(_printable(path) or ".", SkipReason.UNREADABLE, detail, is_folder)


def _is_utf8(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: str) -> str:
    """`path` with the bytes that are not UTF-8 written as ``\\xff``: it can be stored and shown."""
    if _is_utf8(path):
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")
