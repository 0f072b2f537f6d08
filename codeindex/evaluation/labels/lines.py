"""A text file of labels as numbered lines, and errors that name them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from codeindex.errors import NotFoundError, UsageError
from codeindex.searching import checked_query


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, counted from 1."""

    path: Path
    number: int
    text: str

    def wrong(self, problem: str) -> NoReturn:
        """Raises a `UsageError` that says where and what."""
        raise UsageError(f"{self.path}:{self.number}: {problem}") from None

    def json_object(self, expected: str) -> dict[str, Any]:
        """The JSON object that the line is.

        Raises:
            UsageError: it is something else.
        """
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            self.wrong(f"no valid JSON ({reason}); expected an object a line, {expected}")
        if not isinstance(value, dict):
            self.wrong(f"a JSON {type(value).__name__}; expected an object a line, {expected}")
        return value

    def query(self, text: Any) -> str:
        """A query that can be searched for.

        Raises:
            UsageError: it is empty, too long, or no text.
        """
        if not isinstance(text, str):
            self.wrong(f"a query is a text, not {json.dumps(text)[:80]}")
        try:
            return checked_query(text)
        except UsageError as error:
            self.wrong(str(error))


def lines_of(path: Path) -> Iterator[Line]:
    """The lines that are not blank.

    Raises:
        NotFoundError, UsageError: there is no such file, or it cannot be read as UTF-8.
    """
    # Not `splitlines`: U+2028 and the like may stand in a JSON string as they are.
    for number, text in enumerate(text_of(path).split("\n"), 1):
        if text.strip():
            yield Line(path, number, text.rstrip("\r"))


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        NotFoundError, UsageError: there is no such file, or it cannot be read as UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
