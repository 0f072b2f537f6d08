"""Forms of the pairs that the shipped encoder `small` is trained on."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codeindex_onnx
from codeindex.pairs import Pair
from codeindex.snippet import Snippet
from codeindex.texts import embedding_text

RECIPES = Path(codeindex_onnx.__file__).parent / "recipes"

ASKED = "Parse the date of an HTTP header given as a string into seconds."
CODE = (
    f'def parse(text):\n    """{ASKED}\n\n    Years have four digits.\n    """\n    return text\n'
)
FUNCTION = Snippet(
    "net/dates.py",
    "python",
    "function",
    "parse",
    1,
    6,
    CODE,
    f"{ASKED}\n\nYears have four digits.",
)
BARE = "net dates\nparse parse\ndef parse(text):\n    return text"
PAIR = Pair(anchor=ASKED, positive=BARE)


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("variations", RECIPES / "variations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forms(recipe, function, count=400):
    draw = random.Random(3)
    return [recipe.varied(PAIR, function, draw) for _ in range(count)]


def test_every_form_comes_as_often_as_it_should(recipe):
    bodies = Counter(form.positive for form in forms(recipe, FUNCTION))
    whole, bare, code = embedding_text(FUNCTION), BARE, BARE.split("\n", 2)[2]
    (rest,) = set(bodies) - {whole, bare, code}
    assert bodies[whole] / 400 == pytest.approx(recipe.KEEP_DOCSTRING, abs=0.08)
    assert bodies[rest] / 400 == pytest.approx(recipe.KEEP_REST, abs=0.08)
    assert bodies[code] / 400 == pytest.approx(recipe.BARE_CODE, abs=0.08)
    assert ASKED in whole
    assert "Years have four digits." in rest
    assert ASKED not in rest


def test_the_question_is_no_part_of_an_answer_that_keeps_its_docstring(recipe):
    kept = [form for form in forms(recipe, FUNCTION) if ASKED in form.positive]
    assert kept
    assert all(form.anchor not in form.positive for form in kept)


def test_without_the_function_only_the_question_changes(recipe):
    found = forms(recipe, None)
    assert {form.positive for form in found} == {BARE}
    assert len({form.anchor for form in found}) > 2


@given(st.text(st.sampled_from("abc de. the of in"), max_size=80), st.integers(), st.booleans())
def test_a_question_is_never_without_words(recipe, text, seed, dropping):
    asked = recipe.question(text, random.Random(seed), dropping=dropping)
    assert asked.strip() or not text.strip(" .")
    words = set(asked.lower().replace(".", " ").split()) - {"python"}
    assert words <= set(text.lower().replace(".", " ").split())


def test_keywords_are_few_and_without_small_words(recipe):
    draw = random.Random(5)
    asked = {recipe.question(ASKED, draw, whole=0.0) for _ in range(60)}
    assert "parse date http header string seconds" in asked
    assert "python parse date http header string seconds" in asked
    assert ASKED not in asked
