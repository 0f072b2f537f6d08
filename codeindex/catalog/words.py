"""The words of a snippet, as they go into the word index. Worker processes import it."""

from __future__ import annotations

from codeindex.lexical.counting import CountedWords, count_words
from codeindex.snippet import Snippet

WORDS_RECIPE = "identifier-parts-and-compound/2"
"""Names what `words_of` does. The words of a catalog with another recipe are made anew."""


def words_of(snippet: Snippet) -> CountedWords:
    """The words of a snippet; its docstring counts as docstring only, not as code."""
    code = snippet.code.replace(snippet.docstring, " ", 1) if snippet.docstring else snippet.code
    return count_words(code, snippet.docstring, snippet.path, snippet.name)
