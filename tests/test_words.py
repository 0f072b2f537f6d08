"""Identifiers become words; texts for encoders and for the word index are built from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex import Snippet
from codeindex.lexical.stemming import stem
from codeindex.texts import MAX_CODE_CHARS, MAX_DOCSTRING_CHARS, embedding_text
from codeindex.words import MOST_WORDS, query_words, searchable_words, split_identifier


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("parse_args", ["parse", "args"]),
        ("parseHTTPDate2_utc", ["parse", "http", "date", "2", "utc"]),
        ("HTTPAdapter", ["http", "adapter"]),
        ("__init__", ["init"]),
        ("x", ["x"]),
        ("größe_Maß", ["größe", "maß"]),
        ("ПарсерДат_2", ["парсер", "дат", "2"]),
        ("", []),
    ],
)
def test_identifiers_are_split_at_case_underscores_and_digits(identifier, parts):
    assert split_identifier(identifier) == parts


def test_the_compound_is_kept_beside_its_parts():
    words = ["pars", "date", "parse_date", "a", "b", "ab", "7"]
    assert searchable_words("parse_date(aB, 7)") == words


@given(st.text())
def test_any_text_gives_lower_case_words(text):
    words = searchable_words(text)
    assert all(words)
    assert " ".join(words).split() == words
    assert all(word == word.lower() for word in words)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_gives_the_same_words_as_any_other_text(text):
    assert searchable_words(f"{text} é") == [*searchable_words(text), "é"]


@given(st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8}){0,3}", fullmatch=True))
def test_every_part_and_the_whole_can_be_found(identifier):
    words = searchable_words(f"call({identifier})")
    if "_" in identifier:
        assert identifier in words
    assert set(map(stem, identifier.split("_"))) <= set(words)


@pytest.mark.parametrize(
    "words",
    [
        "query queries",
        "tie ties",
        "class classes",
        "match matches matched matching",
        "box boxes",
        "value values valued",
        "parse parses parsed parsing",
        "run runs running",
        "call calls called calling",
        "store stores stored storing",
        "agree agrees agreeing",
    ],
)
def test_forms_of_a_word_are_found_by_each_other(words):
    assert len(set(map(stem, words.split()))) == 1


@pytest.mark.parametrize(
    "word", ["status", "this", "css", "gas", "string", "need", "bed", "hôtels"]
)
def test_what_only_looks_like_an_ending_stays(word):
    assert stem(word) == word


@given(st.from_regex(r"[a-z]{1,12}|[a-z]{4,9}(s|es|ies|ing|ed|e)", fullmatch=True))
def test_something_is_left_of_every_word(word):
    assert word.startswith(stem(word)[:-1])
    assert len(stem(word)) >= min(len(word), 3)


@given(st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
def test_simple_identifiers_give_the_same_words_as_others(identifier):
    parts = split_identifier(identifier)
    whole = [] if len(parts) < 2 else [identifier.strip("_")]
    assert searchable_words(identifier) == [*map(stem, parts), *whole]


def test_the_parts_are_stemmed_and_the_compound_is_not():
    assert searchable_words("getHeaders") == ["get", "header", "getheaders"]


def test_scripts_without_spaces_are_split_into_pairs():
    assert searchable_words("検索機能 テ parse検索") == [
        "検索",
        "索機",
        "機能",
        "テ",
        "parse",
        "検索",
    ]


def test_stop_words_are_left_out_of_a_question_only_where_something_remains():
    assert query_words("How do I parse the dates?") == ["pars", "date"]
    assert query_words("What is this for") == ["what", "is", "this", "for"]
    assert query_words("is in list", keep_stop_words=True) == ["is", "in", "list"]


@pytest.mark.parametrize("text", ["", "🎉 🚀", '"" * ^ ( ) : - +', "____", "\ud800"])
def test_without_letters_and_digits_there_are_no_words(text):
    assert query_words(text) == []


def test_operators_of_query_languages_are_words():
    assert query_words('name:"parse" NEAR(date, 5) AND -http*') == [
        "name", "pars", "near", "date", "5", "http",
    ]  # fmt: skip


def test_of_a_very_long_question_the_first_words_are_taken():
    words = query_words(" ".join(f"word{number}" for number in range(10_000)))
    assert len(words) == MOST_WORDS
    assert words[:3] == ["word", "0", "word0"]


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
