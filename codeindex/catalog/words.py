"""What of a snippet goes into the word index."""

from __future__ import annotations

from codeindex.catalog.rows import SnippetValues
from codeindex.lexical.building import Fields

WORDS_RECIPE = "identifier-parts-and-compound/3"
"""Names what becomes of texts there. The words of a catalog with another recipe are made anew."""


def fields_of(values: SnippetValues) -> Fields:
    """The texts of a snippet; its docstring counts as docstring only, not as code."""
    path, _, _, name, _, _, code, docstring, _ = values
    return code.replace(docstring, " ", 1) if docstring else code, docstring, path, name


def facets_of_values(values: SnippetValues) -> tuple[str, str, str]:
    """Its path, language and kind."""
    path, language, kind, *_ = values
    return path, language, kind
