"""Anchors: the first paragraph that is prose, without markup; what is English and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.pairs.docstrings import anchor_of, is_english, is_prose, words_in


@pytest.mark.parametrize(
    ("docstring", "anchor"),
    [
        ("Return the date.\n\nMore of it.", "Return the date."),
        ("Return\nthe   date.", "Return the date."),
        ("\n\n  Return the date.\n", "Return the date."),
        ("Title\n=====\n\nText", "Title"),
        ("s.replace(old, new[, count]) -> str\n\nReturn a copy.", "Return a copy."),
        ("call(f(x), *args)\n\nCalls it.", "Calls it."),
        ("parse(text): reads it", "parse(text): reads it"),
        ("Reads it.\n:param x: what\n:returns: it", "Reads it."),
        ("Reads it.\nArgs:\n    x: what", "Reads it."),
        ("Reads it.\nReturns\n-------\nint", "Reads it."),
        ("Returns the sum of both.", "Returns the sum of both."),
        ("Reads it.\n@param x what", "Reads it."),
        ("Reads it.\n>>> read()", "Reads it."),
        ("Reads it::\n\n    read()", "Reads it"),
        ("Reads it, as here:\n\n    read()", "Reads it, as here"),
        (".. deprecated:: 1\n\nReads it.", ""),
        (">>> read()", ""),
        ("", ""),
        ("@brief Reads it.", "Reads it."),
        ("A :class:`~a.b.Clock`.", "A Clock."),
        ("A :py:class:`a.Clock`.", "A a.Clock."),
        (":class:`Clock` of it.", "Clock of it."),
        ("See :ref:`the guide <guide>`.", "See the guide."),
        ("A `~a.Clock`, a `.Watch`.", "A Clock, a Watch."),
        ("A ``clock`` or `watch`_.", "A clock or watch."),
        ("A `guide <https://x.org>`_.", "A guide."),
        ("A [guide](https://x.org/a).", "A guide."),
        ("From https://x.org/a, say.", "From, say."),
        ("Reads *all* of **it**.", "Reads all of it."),
        ("Takes *args and **kwargs.", "Takes *args and **kwargs."),
        ("Computes a*b*c and 2 ** 3.", "Computes a*b*c and 2 ** 3."),
        ("A L{Clock} of C{it}.", "A Clock of it."),
        ("<p>Reads <code>it</code></p> into <name>.", "Reads it into <name>."),
        ("As shown [1]_ there.", "As shown there."),
        ("Wraps a socket. Arguments:\n- a: b\n- c: d", "Wraps a socket."),
        ("Reads it:\n1. one\n2. two\n\nMore.", "Reads it"),
        ("Reads `name' and 'it'.", "Reads name and 'it'."),
        (r"Joins \*args.", "Joins *args."),
    ],
)
def test_anchors(docstring, anchor):
    assert anchor_of(docstring) == anchor


@given(st.text(st.sampled_from("ab.`*_:<>[]()~{}@\\ \n#=-|CL"), max_size=60))
def test_any_docstring_gives_one_line(docstring):
    anchor = anchor_of(docstring)
    assert "\n" not in anchor
    assert anchor == anchor.strip()


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=1))
def test_plain_words_stay_as_they_are(words):
    text = "The " + " ".join(words) + " end"
    assert anchor_of(f"{text}\n\n:param x: {text}") == text


def test_long_runs_of_marks_take_no_time():
    for marks in ("`", "*", "[", "<a ", "x :a:a", "f(", "{L", "=", "http://"):
        anchor_of("x " + marks * 20_000)


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("Return the sum of the list.", True),
        ("Emit a record.", True),
        ("Compute Zoë's naïve answer to all of this.", True),
        ("返回列表的长度", False),
        ("Возвращает длину списка", False),
        ("Devuelve la lista de los nombres", False),
        ("Gibt die Liste der Namen zurueck", False),
        ("Renvoie la liste des noms", False),
        ("Sum of des and per", True),
        ("1 + 2", False),
    ],
)
def test_english(text, english):
    assert is_english(text) is english


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("Return the sum.", True),
        ("Return (x1 < x2) element-wise.", True),
        ('domain = atom *("." atom)', False),
        ("word ::= letter letter", False),
        ("a, b -> c * d", False),
    ],
)
def test_prose(text, prose):
    assert is_prose(text) is prose


@pytest.mark.parametrize(
    ("text", "words"), [("Emit a record.", 3), ("(a // b, a % b)", 1), ("x = 1", 0), ("", 0)]
)
def test_words(text, words):
    assert words_in(text) == words
