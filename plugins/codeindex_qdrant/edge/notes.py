"""Notes: what a generation says of itself besides the engine's files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from codeindex.filters import glob_regex

_GLOBS = 16
"""Globs whose paths are kept."""


class Paths:
    """The distinct paths there are, for globs that no field answers directly.

    Paths of which every snippet was removed may still be among them: a filter that names
    them finds nothing there.
    """

    def __init__(self, data: bytes = b"[]") -> None:
        """Takes what `to_bytes` gave; it is not looked at before it is needed."""
        self._data = data
        self._paths: set[str] | None = None
        self._split: dict[str, tuple[list[str], list[str]]] = {}

    @classmethod
    def of(cls, paths: Iterable[str]) -> Paths:
        """These paths."""
        made = cls()
        made.add(paths)
        return made

    def add(self, paths: Iterable[str]) -> None:
        """Takes in more paths."""
        self._loaded().update(paths)
        self._split.clear()

    def split(self, glob: str) -> tuple[list[str], list[str]]:
        """The paths that match a glob, and the others."""
        if glob not in self._split:
            if len(self._split) >= _GLOBS:
                self._split.clear()
            matches = glob_regex(glob).match
            sides: tuple[list[str], list[str]] = ([], [])
            for path in self._loaded():
                sides[matches(path) is None].append(path)
            self._split[glob] = sides
        return self._split[glob]

    def to_bytes(self) -> bytes:
        """As a JSON array."""
        if self._paths is None:
            return self._data
        return json.dumps(sorted(self._paths)).encode()

    def _loaded(self) -> set[str]:
        if self._paths is None:
            self._paths = set(json.loads(self._data))
        return self._paths


@dataclass
class Notes:
    """What is known without the engine.

    Attributes:
        paths: of the snippets.
        points: how many vectors there were at the last commit.
        changes: how many came or went since the graphs were built.
    """

    paths: Paths = field(default_factory=Paths)
    points: int = 0
    changes: int = 0
