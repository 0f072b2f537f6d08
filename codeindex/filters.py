"""Filter: which snippets a search may return, by path, language and kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeindex.snippet import Snippet


@dataclass(frozen=True, slots=True)
class Payload:
    """What a backend keeps beside a vector, so that it can filter.

    Attributes:
        snippet: all that a result shows; given to backends that are `SelfContained`.
    """

    path: str
    language: str
    kind: str
    snippet: Snippet | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on a snippet. Alternatives within a field, all fields together; empty = all.

    Attributes:
        paths: globs on the path. ``*`` and ``?`` stay within a folder, ``**`` crosses folders.
            A pattern without ``/`` matches a name at any depth; one without a wildcard
            matches that file, or everything below that folder.
        languages: language names, for example ``python``.
        kinds: snippet kinds, for example ``method``.
    """

    paths: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.paths or self.languages or self.kinds)

    def matches_path(self, path: str) -> bool:
        """Whether `path` satisfies one of the path globs (true where there is none)."""
        return not self.paths or any(glob_regex(glob).match(path) for glob in self.paths)

    def matches(self, payload: Payload) -> bool:
        """Whether a snippet with this payload may be returned."""
        return (
            (not self.languages or payload.language in self.languages)
            and (not self.kinds or payload.kind in self.kinds)
            and self.matches_path(payload.path)
        )


@lru_cache(maxsize=256)
def glob_regex(glob: str) -> re.Pattern[str]:
    """The regular expression of a path glob (see `Filter.paths`)."""
    pattern = glob.removeprefix("./").strip("/")
    prefix = "" if "/" in pattern or glob.startswith(("/", "./")) else r"(?:.*/)?"
    suffix = "" if any(mark in pattern for mark in "*?[") else r"(?:/.*)?"
    try:
        return re.compile(prefix + _translate(pattern) + suffix + r"\Z", re.DOTALL)
    except re.error:  # a range that runs backwards, [z-a], stands for itself
        return re.compile(prefix + re.escape(pattern) + suffix + r"\Z", re.DOTALL)


_TOKENS: Sequence[tuple[str, str]] = (
    (r"\*\*/", r"(?:.*/)?"),
    (r"/\*\*\Z", r"/.*"),
    (r"\*\*", r".*"),
    (r"\*", r"[^/]*"),
    (r"\?", r"[^/]"),
)
_SCANNER = re.compile(
    "|".join(f"(?P<t{i}>{source})" for i, (source, _) in enumerate(_TOKENS))
    + r"|(?P<set>\[!?\]?[^\]/]*\])|(?P<char>.)",
    re.DOTALL,
)


def _translate(pattern: str) -> str:
    parts = []
    for match in _SCANNER.finditer(pattern):
        kind, text = match.lastgroup or "char", match.group()
        if kind == "char":
            parts.append(re.escape(text))
        elif kind == "set":
            negated = text[1] == "!"
            body = text[2:-1] if negated else text[1:-1]
            # Escaped whole except for the range sign: [a-z] stays a range, [\d] stays two letters.
            safe = re.sub(r"([\\\[\]^&~|])", r"\\\1", body)
            parts.append(f"[{'^/' if negated else ''}{safe}]" if body else re.escape(text))
        else:
            parts.append(_TOKENS[int(kind[1:])][1])
    return "".join(parts)
