"""Identifiers become words; texts for encoders and for the word index are built from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex import Snippet
from codeindex.texts import MAX_CODE_CHARS, MAX_DOCSTRING_CHARS, embedding_text
from codeindex.words import searchable_words, split_identifier


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("parse_args", ["parse", "args"]),
        ("parseHTTPDate2_utc", ["parse", "http", "date", "2", "utc"]),
        ("HTTPAdapter", ["http", "adapter"]),
        ("__init__", ["init"]),
        ("x", ["x"]),
        ("größe_Maß", ["gr", "öß", "e", "ma", "ß"]),
        ("", []),
    ],
)
def test_identifiers_are_split_at_case_underscores_and_digits(identifier, parts):
    assert split_identifier(identifier) == parts


def test_the_compound_is_kept_beside_its_parts():
    assert searchable_words("parse_date(aB, 7)") == "parse date parse_date a b ab 7"


@given(st.text())
def test_any_text_gives_lower_case_words(text):
    words = searchable_words(text)
    assert words == " ".join(words.split(" "))
    assert all(word == word.lower() for word in words.split())


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_gives_the_same_words_as_any_other_text(text):
    assert searchable_words(f"{text} é").split() == [*searchable_words(text).split(), "é"]


@given(st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8}){0,3}", fullmatch=True))
def test_every_part_and_the_whole_can_be_found(identifier):
    words = searchable_words(f"call({identifier})").split()
    assert identifier in words
    assert set(identifier.split("_")) <= set(words)


def snippet(**changes) -> Snippet:
    facts = {
        "path": "net/http_client.py",
        "language": "python",
        "kind": "method",
        "name": "Client.sendAll",
        "start_line": 1,
        "end_line": 5,
        "code": 'def sendAll(self):\n    """Send it all.\n\n    At once.\n    """\n    go()',
        "docstring": "Send it all.\n\nAt once.",
    }
    return Snippet(**{**facts, **changes})


def test_the_text_is_path_name_docstring_code_and_the_docstring_is_in_it_once():
    lines = embedding_text(snippet()).split("\n")
    assert lines[0] == "net http client"
    assert lines[1] == "Client sendAll client send all"
    assert lines[2:5] == ["Send it all.", "", "At once."]
    assert embedding_text(snippet()).count("Send it all.") == 1
    assert lines[-1] == "go()"


def test_a_huge_function_is_cut_and_its_docstring_too():
    text = embedding_text(snippet(code="x = 1\n" * 10_000, docstring="word " * 1000))
    assert len(text) < MAX_CODE_CHARS + MAX_DOCSTRING_CHARS + 100
