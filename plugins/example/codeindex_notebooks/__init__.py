"""Plugin `notebooks`: the code cells of Jupyter notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Extractor
from codeindex.specs import ExtractorSpec

_EXAMPLE = """{
 "cells": [
  {"cell_type": "markdown", "source": ["# Residuals"]},
  {"cell_type": "code", "source": ["%matplotlib inline\\n", "def residuals(y, fit):\\n", "    return y - fit"]}
 ],
 "metadata": {"kernelspec": {"language": "python"}},
 "nbformat": 4
}
"""  # noqa: E501  (as Jupyter writes it)


@dataclass(frozen=True)
class Options:
    """Options of the extractor `notebooks`."""

    min_lines: int = field(default=1, metadata={"help": "Shorter cells are left out."})


def _make(options: Options) -> Extractor:
    from codeindex_notebooks.extractor import NotebookExtractor

    return NotebookExtractor(options.min_lines)


@hookimpl
def codeindex_extractors() -> Iterable[ExtractorSpec]:
    """The extractor `notebooks`."""
    return [
        ExtractorSpec(
            name="notebooks",
            summary="The code cells of Jupyter notebooks.",
            make=_make,
            options=Options,
            suffixes={".ipynb": "notebook"},
            example={"residuals.ipynb": _EXAMPLE},
        )
    ]
