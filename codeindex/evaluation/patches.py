"""Patches without context → which lines of which files are new, and where old lines are now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that take the place of others; both counted from 1.

    Where nothing was (or is), `old` (or `new`) is the line before.
    """

    old: int
    removed: int
    new: int
    added: int


def hunks_by_file(patch: str) -> dict[str, list[Hunk]]:
    """New path → its hunks, in order. Files that are deleted or binary are not there."""
    found: dict[str, list[Hunk]] = {}
    path = ""
    lines = iter(patch.split("\n"))
    for line in lines:
        if line.startswith("+++ "):
            path = _path(line[4:])
        elif match := _HUNK.match(line):
            old, removed, new, added = (int(number or 1) for number in match.groups())
            removed, added = (int(match[n]) if match[n] is not None else 1 for n in (2, 4))
            if path:
                found.setdefault(path, []).append(Hunk(old, removed, new, added))
            _skip(lines, removed + added)
        elif line.startswith("diff "):
            path = ""
    return found


def _skip(lines: Iterator[str], number: int) -> None:
    """Passes over the lines of a hunk: one of them may look like a header."""
    for _ in range(number):
        next(lines, None)


def _path(said: str) -> str:
    """``b/a.py`` → ``a.py``; names that git quotes, with quotes or control characters, are not
    taken, nor ``/dev/null``."""
    said = said.removesuffix("\t")  # git ends a name with spaces in it with one
    return said[2:] if said.startswith("b/") else ""


def now_at(line: int, hunks: Sequence[Hunk]) -> int | None:
    """Where a line is after the hunks; None if they have taken it away or changed it.

    Args:
        hunks: of its file, in order.
    """
    moved = 0
    for hunk in hunks:
        first = hunk.old if hunk.removed else hunk.old + 1
        if line < first:
            break
        if line < first + hunk.removed:
            return None
        moved += hunk.added - hunk.removed
    return line + moved
