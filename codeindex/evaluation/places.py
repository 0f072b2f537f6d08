"""Places: targets of judgements and snippets of an index, under the same names.

A target is a path (``src/a.py``), a definition in it (``src/a.py:Class.method``), or lines
(``src/a.py#L10`` or ``src/a.py#L10-L20``): then it is the innermost snippets of those lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from codeindex.evaluation.questions import Level
from codeindex.snippet import Snippet

_LINES = re.compile(r"(?P<place>.+)#L(?P<first>\d{1,9})(?:-L?(?P<last>\d{1,9}))?\Z")


@dataclass(frozen=True, slots=True)
class _Lines:
    """What a snippet of a file covers."""

    first: int
    last: int
    name: str


class Places:
    """What there is to find in an index.

    At level ``file`` each path is one answer. At level ``snippet`` each snippet is one: it is
    called ``path:name``, and where a file has several of that name, ``path:name#L12``.
    """

    def __init__(self, snippets: Iterable[Snippet], level: Level) -> None:
        """Takes all snippets of the index."""
        self.level = level
        self._files: dict[str, list[_Lines]] = {}
        self._named: dict[str, list[_Lines]] = {}
        for snippet in snippets:
            lines = _Lines(snippet.start_line, snippet.end_line, snippet.name)
            self._files.setdefault(snippet.path, []).append(lines)
            self._named.setdefault(f"{snippet.path}:{snippet.name}", []).append(lines)

    def __len__(self) -> int:
        """How many answers there are to choose from."""
        if self.level is Level.FILE:
            return len(self._files)
        return sum(map(len, self._files.values()))

    def of(self, snippet: Snippet) -> str:
        """What the answer is called that a snippet is, or belongs to."""
        if self.level is Level.FILE:
            return snippet.path
        return self._called(snippet.path, snippet.name, snippet.start_line)

    def _called(self, path: str, name: str, first: int) -> str:
        place = f"{path}:{name}"
        return f"{place}#L{first}" if len(self._named.get(place, ())) > 1 else place

    def is_file(self, target: str) -> bool:
        """Whether a target names a file as a whole."""
        return tidy(target) in self._files

    def resolved(self, target: str) -> list[str]:
        """The answers that a target stands for; empty if there are none in the index."""
        place = tidy(target)
        if self.level is Level.FILE:
            path = self._path_of(place)
            return [path] if path else []
        if place in self._files:
            return [self._called(place, its.name, its.first) for its in self._files[place]]
        if place in self._named:
            return self._of_name(place, self._named[place])
        lines = _LINES.match(place)
        if lines is None:
            return []
        first = int(lines["first"])
        last = int(lines["last"] or first)
        named = self._named.get(lines["place"])
        if named is None:
            return self.at(lines["place"], first, last)
        its = [its for its in named if its.first <= last and its.last >= first]
        return self._of_name(lines["place"], its)

    def _of_name(self, place: str, found: Iterable[_Lines]) -> list[str]:
        several = len(self._named[place]) > 1
        return [f"{place}#L{its.first}" if several else place for its in found]

    def at(self, path: str, first: int, last: int) -> list[str]:
        """The innermost snippets that hold one of the lines `first` to `last` of a file."""
        found: dict[str, None] = {}
        its = [its for its in self._files.get(path, ()) if its.first <= last and its.last >= first]
        line = first
        while line <= last:
            around = [item for item in its if item.first <= line <= item.last]
            if around:
                inner = min(around, key=lambda item: (item.last - item.first, -item.first))
                found[self._called(path, inner.name, inner.first)] = None
            borders = [item.first for item in its] + [item.last + 1 for item in its]
            line = min((border for border in borders if border > line), default=last + 1)
        return list(found)

    def _path_of(self, place: str) -> str | None:
        """The file that a target is, or is in; a definition need not be there any more."""
        lines = _LINES.match(place)
        place = lines["place"] if lines is not None and place not in self._files else place
        while place not in self._files:
            place, colon, _ = place.rpartition(":")
            if not colon:
                return None
        return place


def tidy(target: str) -> str:
    """A target without surrounding space and a leading ``./``."""
    place = target.strip()
    while place.startswith("./"):
        place = place[2:]
    return place
