"""Plugin `python`: functions, methods, classes and module code of Python files, by AST."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Extractor
from codeindex.specs import ExtractorSpec


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
        )
    ]
