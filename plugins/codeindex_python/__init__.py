"""Plugin `python`: functions, methods, classes and module code of Python files, by AST."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Extractor
from codeindex.specs import ExtractorSpec

_EXAMPLE = '''"""Retrying."""

import time

LIMIT = 5


class Retry:
    """Waits longer after each failure."""

    def __init__(self, limit=LIMIT):
        self.limit = limit

    @property
    def waits(self):
        """Seconds of every wait."""

        def wait(attempt):
            return 2**attempt

        return [wait(attempt) for attempt in range(self.limit)]


async def retried(action):
    """Runs the action until it succeeds."""
    for seconds in Retry().waits:
        try:
            return await action()
        except OSError:
            time.sleep(seconds)
'''


def _make(options: Any) -> Extractor:
    from codeindex_python.extractor import PythonExtractor

    return PythonExtractor()


@hookimpl
def codeindex_extractors() -> Iterable[ExtractorSpec]:
    """The extractor `python`."""
    return [
        ExtractorSpec(
            name="python",
            summary="Functions, methods, classes and module code of Python, by AST.",
            make=_make,
            suffixes={".py": "python", ".pyi": "python", ".pyw": "python"},
            shebangs={"python": "python", "python3": "python"},
            example={"retry.py": _EXAMPLE},
        )
    ]
