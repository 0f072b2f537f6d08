"""Ignore files with git's semantics: the last line that matches decides, the nearest file first.

The translation follows git's own matcher (`wildmatch.c`, `dir.c`) and is tested against git.
The patterns of one file become a few sets and regular expressions, so that a path costs a
few look-ups however long the file is. Two differences are kept on purpose: `?` stands for one
character, where git means one byte, and letter case always counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Matcher:
    """Patterns sorted by what they cost: a set, one `endswith`, and at most two expressions."""

    names: frozenset[str]
    endings: tuple[str, ...]
    name_regex: re.Pattern[str] | None
    path_regex: re.Pattern[str] | None

    def matches(self, name: str, path: str) -> bool:
        return (
            name in self.names
            or name.endswith(self.endings)
            or (self.name_regex is not None and self.name_regex.match(name) is not None)
            or (self.path_regex is not None and self.path_regex.match(path) is not None)
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring lines that say the same: all ignore, or all are negated."""

    ignored: bool
    anything: _Matcher
    folders: _Matcher | None  # lines that end in "/"


@dataclass(frozen=True, slots=True)
class _Level:
    """One ignore file: where the paths start that its patterns see, and its runs, last first."""

    start: int
    runs: tuple[_Run, ...]


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The ignore files that apply in one folder, nearest first. Empty: nothing is ignored."""

    levels: tuple[_Level, ...] = ()

    def with_file(self, folder: str, text: str) -> IgnoreRules:
        """These rules and, before them, the lines `text` of an ignore file in `folder`.

        Args:
            folder: absolute, with forward slashes and no slash at its end ("" for "/").
            text: what the file says.
        """
        runs = tuple(_runs(text))
        return IgnoreRules((_Level(len(folder) + 1, runs), *self.levels)) if runs else self

    def verdict(self, path: str, name: str, is_folder: bool) -> bool | None:
        """Whether an entry is ignored (True), brought back by a negated line (False) or neither.

        As in git, nothing is brought back from an ignored folder; the caller does not enter it.

        Args:
            path: absolute, with forward slashes, below the folders of all the ignore files.
            name: its last part.
            is_folder: whether lines ending in "/" apply.
        """
        for level in self.levels:
            below = path[level.start :]
            for run in level.runs:
                if run.anything.matches(name, below):
                    return run.ignored
                if is_folder and run.folders is not None and run.folders.matches(name, below):
                    return run.ignored
        return None


def read_ignore_file(file: str) -> str:
    """The text of an ignore file; raises OSError. Names that are not UTF-8 survive as in `os`."""
    return Path(file).read_bytes().decode("utf-8-sig", "surrogateescape")


def inherited_rules(folder: str, root: str) -> tuple[IgnoreRules, IgnoreRules]:
    """What applies in `folder` from above it: (.gitignore rules, .codeindexignore rules).

    They are looked for from the top of the git repository that `folder` is in; without a
    repository, and for .codeindexignore in any case, from `root`, if `folder` is below it.
    What cannot be read counts as empty.
    Both arguments are absolute, with forward slashes and no slash at the end.
    """
    parts = folder.split("/")
    ancestors = ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]  # nearest first
    top = next((one for one in ancestors if Path(f"{one}/.git").exists()), None)
    beside = root if root in ancestors else folder
    git_depth = ancestors.index(beside if top is None else top)
    own_depth = max(git_depth, ancestors.index(beside))
    git, own = IgnoreRules(), IgnoreRules()
    if top is not None and git_depth:  # at depth 0 the walk itself finds the repository
        git = git.with_file(top, repository_excludes(top))
    for one in reversed(ancestors[1 : git_depth + 1]):
        git = git.with_file(one, _text_or_nothing(f"{one}/.gitignore"))
    for one in reversed(ancestors[1 : own_depth + 1]):
        own = own.with_file(one, _text_or_nothing(f"{one}/.codeindexignore"))
    return git, own


def repository_excludes(top: str) -> str:
    """The text of `info/exclude` of the repository whose working tree starts at `top`, or ""."""
    git = Path(f"{top}/.git")
    try:
        if git.is_file():  # a worktree or submodule: "gitdir: PATH"
            git = git.parent / git.read_text("utf-8").removeprefix("gitdir:").strip()
            common = git / "commondir"
            if common.is_file():
                git = git / common.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
    return _text_or_nothing(str(git / "info" / "exclude"), links=True)


def _text_or_nothing(file: str, links: bool = False) -> str:
    # Like git, no link for .gitignore: a tree must not name files elsewhere as its rules.
    if not Path(file).is_file() or (not links and Path(file).is_symlink()):
        return ""
    try:
        return read_ignore_file(file)
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class _Line:
    pattern: str
    negated: bool
    folders_only: bool


def _lines(text: str) -> Iterator[_Line]:
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if line.startswith("#"):
            continue
        kept = line.rstrip(" ")
        # "\ " at the end is a space that counts; an even number of backslashes escapes none.
        escapes = len(kept) - len(kept.rstrip("\\"))
        line = kept + " " if escapes % 2 and len(kept) < len(line) else kept
        negated = line.startswith("!")
        pattern = line[1:] if negated else line
        folders_only = pattern.endswith("/")
        pattern = pattern[:-1] if folders_only else pattern
        if pattern:
            yield _Line(pattern, negated, folders_only)


def _runs(text: str) -> Iterator[_Run]:
    """The runs of an ignore file, last first."""
    lines = reversed(list(_lines(text)))
    for negated, group in groupby(lines, key=lambda line: line.negated):
        run = list(group)
        folders = [line.pattern for line in run if line.folders_only]
        anything = [line.pattern for line in run if not line.folders_only]
        yield _Run(not negated, _matcher(anything), _matcher(folders) if folders else None)


def _matcher(patterns: Iterable[str]) -> _Matcher:
    names, endings, name_sources, path_sources = set(), set(), [], []
    for pattern in patterns:
        if "/" in pattern:
            path_sources.append(_translate(pattern.removeprefix("/"), is_path=True))
        elif not _SPECIAL.search(pattern):
            names.add(pattern)
        elif pattern[0] == "*" and not _SPECIAL.search(pattern, 1):
            endings.add(pattern[1:])
        else:
            name_sources.append(_translate(pattern, is_path=False))
    return _Matcher(frozenset(names), tuple(endings), _any_of(name_sources), _any_of(path_sources))


def _any_of(sources: list[str | None]) -> re.Pattern[str] | None:
    known = [source for source in sources if source is not None]
    return re.compile(f"(?:{'|'.join(known)})\\Z", re.DOTALL) if known else None


_SPECIAL = re.compile(r"[*?\[\\]")
_TOKEN = re.compile(
    r"(?P<stars>\*+)|(?P<slash>/)|(?P<any>\?)|(?P<set>\[)|\\(?P<escaped>.)|[^\\]", re.S
)


def _translate(pattern: str, is_path: bool) -> str | None:
    """The regular expression of a pattern, or None if git matches nothing with it.

    What stands between two wildcards has one length (in letters for `*`, in folders for `**`),
    so its leftmost place is as good as any and the group can be atomic: a hostile pattern such
    as `*a*a*a*a*b` costs no more than another.
    """
    special = _SPECIAL.search(pattern)
    literal = special.start() if special else len(pattern)
    parts: list[str] = []
    star = folders = -1  # where the last "*" of this name and the last "**/" stand in `parts`
    at = 0
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None:
            return None  # a lone backslash at the end
        start, at = at, match.end()
        # Git compares the literal start of a pattern first and forgets it: "a**/" crosses too.
        bounded = start == literal or pattern[start - 1] == "/"
        if match["stars"] and not (
            is_path and bounded and len(match["stars"]) > 1 and pattern[at : at + 1] in ("", "/")
        ):
            _close(parts, star, "(?>[^/]*?")
            star = len(parts)
            parts.append("[^/]*")
        elif match["stars"]:
            _close(parts, folders, "(?>(?:.*?/)??")
            folders = len(parts)
            parts.append("(?:.*?/)??" if at < len(pattern) else ".*")
            at += 1  # its slash
        elif match["slash"]:
            parts.append("/")
            star = -1
        elif match["set"]:
            source, at = _translate_set(pattern, at)
            if source is None:
                return None
            parts.append(source)
        else:
            parts.append("[^/]" if match["any"] else re.escape(match["escaped"] or match.group()))
    return "".join(parts)


def _close(parts: list[str], wildcard: int, opening: str) -> None:
    """Makes what follows the wildcard at an index (-1: there is none) an atomic group."""
    if wildcard >= 0:
        parts[wildcard] = opening
        parts.append(")")


_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


_NAMED_CLASS = re.compile(r"\[:([^\]]*):\]")


def _translate_set(pattern: str, at: int) -> tuple[str | None, int]:
    """The expression of a `[set]` whose inside starts at `at`, and where the pattern goes on."""
    negated = pattern.startswith(("!", "^"), at)
    at += negated
    parts: list[str] = []
    previous = ""  # the letter that a "-" would start a range from
    first = True
    while first or pattern[at : at + 1] != "]":
        first = False
        letter = pattern[at : at + 1]
        named = _NAMED_CLASS.match(pattern, at)
        if letter == "-" and previous and pattern[at + 1 : at + 2] not in ("", "]"):
            at += 1 + (pattern[at + 1] == "\\")
            if at >= len(pattern):
                return None, at
            if previous <= pattern[at]:
                parts.append(f"{re.escape(previous)}-{re.escape(pattern[at])}")
            previous = ""
        elif named:
            if named[1] not in _CLASSES:
                return None, at
            parts.append(_CLASSES[named[1]])
            at, previous = named.end() - 1, ""
        else:
            at += letter == "\\"
            previous = pattern[at : at + 1]
            if not previous:
                return None, at
            parts.append(re.escape(previous))
        at += 1
        if at >= len(pattern):
            return None, at  # no closing bracket
    inside = "".join(parts)
    # Without letters of its own (every range empty) a set matches nothing, negated anything.
    body = f"[{'^' if negated else ''}{inside}]" if inside else ("." if negated else "(?!)")
    return f"(?!/){body}", at + 1


def forward(path: str) -> str:
    """`path` with forward slashes and none at its end."""
    return (path if os.sep == "/" else path.replace(os.sep, "/")).rstrip("/")
