"""Target: the place in a file that a user names, and which of its snippets that is.

``FILE:LINE`` and ``FILE:LINE-LINE`` are the innermost snippet of these lines (what follows
after another colon, as editors and grep write it, is passed over), ``FILE:NAME`` is the
snippet of that name, ``FILE`` the file as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeindex.errors import NotFoundError, UsageError
from codeindex.snippet import Snippet

_LINES = re.compile(r"(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?(?::.*)?", re.DOTALL)
_SHOWN = 8  # names in a message


@dataclass(frozen=True, slots=True)
class Target:
    """A place.

    Attributes:
        file: as it was given.
        selector: what follows the file: lines, a name, or nothing.
    """

    file: str
    selector: str = ""

    def chosen(self, snippets: Sequence[Snippet]) -> list[Snippet]:
        """Those of a file's snippets that are meant: one, or all if no selector was given.

        Raises:
            NotFoundError: there is none on that line, or of that name.
            UsageError: several have the name.
        """
        if not snippets:
            raise NotFoundError(f"{self.file}: no snippet was found in it")
        if not self.selector:
            return list(snippets)
        lines = _LINES.fullmatch(self.selector)
        if lines is None:
            return [self._named(snippets)]
        first = int(lines["first"])
        last = int(lines["last"] or first)
        if last < first:
            raise UsageError(f"{self.file}: the lines {self.selector} end before they begin")
        return [self._around(snippets, first, last)]

    def _around(self, snippets: Sequence[Snippet], first: int, last: int) -> Snippet:
        """The innermost that holds all the lines, or else the first of them."""
        for end in (last, first):
            around = [
                each for each in snippets if each.start_line <= first and each.end_line >= end
            ]
            if around:
                return min(around, key=lambda each: (each.end_line - each.start_line, each.name))
        raise NotFoundError(
            f"{self.file}: line {first} is in no snippet; there are {listed(snippets)}"
        )

    def _named(self, snippets: Sequence[Snippet]) -> Snippet:
        name = self.selector
        found = [each for each in snippets if each.name == name]
        found = found or [each for each in snippets if _ends_with(each.name, name)]
        if len(found) > 1:  # a module is often called as what it is there for
            found = [each for each in found if each.kind != "module"] or found
        if not found:
            raise NotFoundError(f"{self.file}: nothing is called {name!r}; there are "
                                f"{listed(snippets)}")  # fmt: skip
        if len(found) > 1:
            raise UsageError(
                f"{self.file}: {len(found)} snippets are called {name!r}: {listed(found)};"
                f" name a line, as in {self.file}:{found[0].start_line}"
            )
        return found[0]


def target_of(text: str, is_file: Callable[[str], bool]) -> Target:
    """Takes ``FILE``, ``FILE:LINE`` or ``FILE:NAME`` apart; the file may have colons itself.

    Args:
        is_file: whether there is such a file, on disk or in the index.

    Raises:
        NotFoundError: there is none.
    """
    if is_file(text):
        return Target(text)
    for colon in reversed([match.start() for match in re.finditer(":", text)]):
        if colon and is_file(text[:colon]):
            return Target(text[:colon], text[colon + 1 :].strip())
    if _is_folder(text):
        raise NotFoundError(f"{text} is a folder; say FILE:LINE, FILE:NAME or FILE")
    raise NotFoundError(
        f"no file {text.partition(':')[0] or text!r}, neither on disk nor in the index;"
        " say FILE:LINE, FILE:NAME or FILE"
    )


def _is_folder(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_dir()
    except (OSError, ValueError):  # what cannot be a name
        return False


def listed(snippets: Sequence[Snippet]) -> str:
    """Names with lines, for a message."""
    shown = [f"{each.name} ({each.start_line}-{each.end_line})" for each in snippets[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(snippets) > _SHOWN else "")


def _ends_with(name: str, wanted: str) -> bool:
    """Whether `wanted` is the last part of a qualified name."""
    return name.endswith((f".{wanted}", f"::{wanted}", f"#{wanted}"))
