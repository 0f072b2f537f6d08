"""What is told of a query and of a place, and what each signal makes of both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.ranking.paths import PathKind, kinds_asked, path_kinds
from codeindex.ranking.place import place_of
from codeindex.ranking.query import analysed, asked_words, rarity
from codeindex.ranking.signals import SIGNALS, coherence, definition, name, prefix, stem
from codeindex.ranking.symbols import only_symbols, symbols_in


def asked(text, **rare):
    """A query whose words weigh what is said; they are looked for by their stems."""
    return analysed(text, asked_words(text), {stems(word): rare[word] for word in rare})


def stems(word):
    (stem,) = asked_words(word)
    return stem


def at(path, name, kind="function"):
    return place_of(path, kind, name)


@pytest.mark.parametrize(
    ("text", "found", "alone"),
    [
        ("parse_args", [("parse_args",)], True),
        ("HTTPAdapter.send", [("httpadapter", "send")], True),
        ("foo.bar", [("foo", "bar")], True),
        ("CamelCase", [("camelcase",)], True),
        ("__init__", [("__init__",)], True),
        ("walk", [("walk",)], True),
        ("send()", [("send",)], True),
        ("std::sort", [("std", "sort")], True),
        ("`parse_args`", [("parse_args",)], True),
        ("what does parse_args do", [("parse_args",)], False),
        ("parse_args and Session.send()", [("parse_args",), ("session", "send")], False),
        ("walk a tree", [], False),
        ("e.g. a file", [], False),
        ("read setup.py", [], False),
        ("HTTP", [("http",)], True),
        ("the HTTP status", [], False),
        ("größe_lesen", [("größe_lesen",)], True),
        ("🦀", [], False),
        ('"', [], False),
        ("", [], False),
    ],
)
def test_names_of_code_are_recognised(text, found, alone):
    assert list(symbols_in(text)) == found
    assert only_symbols(text) is alone


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("src/app.py", set()),
        ("tests/helpers.py", {"tests"}),
        ("pkg/test_app.py", {"tests"}),
        ("pkg/latest.py", set()),
        ("pkg/contest/app.py", set()),
        ("t/unit/app.py", {"tests"}),
        ("src/app.test.ts", {"tests"}),
        ("pkg/_vendor/six.py", {"vendored"}),
        ("pkg/compat.py", {"compat"}),
        ("pkg/x_pb2.py", {"generated"}),
        ("examples/app/__init__.py", {"examples", "package"}),
        ("pkg/app.pyi", {"stub"}),
        ("conftest.py", {"tests"}),
    ],
)
def test_sorts_of_files(path, kinds):
    assert path_kinds(path) == kinds


def test_who_asks_for_tests_gets_them():
    assert asked("tests of the parser").wanted == {PathKind.TESTS}
    assert asked("pytest fixtures").wanted == {PathKind.TESTS}
    assert kinds_asked(frozenset({"examples"})) == {PathKind.EXAMPLES}
    assert asked("test_parse").wanted == {PathKind.TESTS}
    assert asked("the latest contest").wanted == set()


def test_a_definition_is_found_by_its_name_or_a_part_of_it():
    send = at("requests/adapters.py", "HTTPAdapter.send", "method")
    for text in ("send", "HTTPAdapter.send", "httpadapter.send", "adapters.HTTPAdapter.send"):
        assert definition(asked(text), send) == 1, text
    assert definition(asked("requests.send"), send) == 0.5
    assert 0 < definition(asked("HTTPAdapter"), send) < 0.5
    assert definition(asked("HTTPAdapter"), at("a.py", "HTTPAdapter", "class")) == 1
    assert definition(asked("sender"), send) == 0
    assert definition(asked("how does HTTPAdapter.send retry"), send) == 0


def test_the_beginning_of_a_name():
    parse = at("a.py", "Parser.parse_args")
    assert 0.7 < prefix(asked("parse_ar"), parse) < 1
    assert prefix(asked("parse_args"), parse) == 0, "that is the definition itself"
    assert prefix(asked("pa"), parse) == 0
    assert prefix(asked("args"), parse) == 0


def test_a_name_agrees_as_far_as_both_say_the_same():
    query = asked("parse a date string", parse=1.0, date=2.0, string=1.0)
    whole = name(query, at("a.py", "parse_date_string"))
    assert whole == pytest.approx(1)
    most = name(query, at("a.py", "parse_date"))
    assert most == pytest.approx(2 * 0.75 / 1.75)
    assert whole > most > name(query, at("a.py", "parse")) > 0
    assert name(query, at("a.py", "date_of_birth_in_words")) < most
    assert name(query, at("a.py", "render")) == 0
    assert stem(query, at("dates/__init__.py", "x")) > 0, "of a package, its folder"


def test_rare_words_weigh_more():
    assert rarity(1, 1000) > rarity(10, 1000) > rarity(1000, 1000) > 0
    assert rarity(0, 0) > 0
    shares = asked("parse a date", parse=3.0, date=1.0).shares
    assert shares == {stems("parse"): 0.75, stems("date"): 0.25}


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_signals_stay_between_0_and_1(text, path, called):
    query, place = asked(text), at(path or "x", called)
    assert sum(query.shares.values()) == pytest.approx(1 if query.shares else 0)
    for told in SIGNALS.values():
        assert 0 <= told(query, place) <= 1 + 1e-9


def test_files_that_answer_more_cohere():
    places = [at("a.py", "x"), at("a.py", "y"), at("b.py", "z")]
    assert coherence([0.5, 0.5, 0.5], places) == [1, 1, 0.5]
    assert coherence([], []) == []
    assert coherence([0.0, 0.0], places[:2]) == [0, 0]
