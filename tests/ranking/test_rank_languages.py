"""The name of a language says nothing of what is looked for in code of that language."""

from __future__ import annotations

import pytest

from codeindex.ranking.query import asked_words
from codeindex.words import query_words


@pytest.mark.parametrize("language", ["python", "Java", "typescript"])
def test_a_language_is_left_out_where_something_else_is_asked_for(language):
    assert asked_words(f"{language} parse a date") == asked_words("parse a date")


def test_a_language_alone_is_looked_for():
    assert asked_words("python") == query_words("python")
    assert asked_words("python") != []
