"""read_pairs: every shape a file of pairs has; what is wrong is named by file, entry and field."""

from __future__ import annotations

import json
from dataclasses import astuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeindex.errors import NotFoundError, UsageError
from codeindex.pairs import Pair
from codeindex.pairs.reading import read_pairs

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FULL = TEXTS.filter(lambda text: bool(text.strip()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PAIRS = st.lists(
    st.builds(
        Pair,
        FULL,
        FULL,
        st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["arxiv_id", "repo_url", "ü", "n"]), TEXTS, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("reading") / "pairs.any"


def rows(pairs, shape):
    for pair in pairs:
        anchor, positive = (
            ("paper_text", "code_text") if shape == "workflow" else ("anchor", "positive")
        )
        row = {anchor: pair.anchor, positive: pair.positive, "metadata": pair.metadata}
        if shape == "columns":
            # Out of their order, as keys of an object may be.
            row |= {f"negative_{n}": text for n, text in reversed([*enumerate(pair.negatives)])}
        else:
            row["negative"] = list(pair.negatives)
        yield row


def written(pairs, shape, form):
    listed = list(rows(pairs, shape))
    if form == "lines":
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in listed) + "\n"
    return json.dumps(listed, indent=2 if form == "indented" else None)


def attempt(file):
    """(The pairs, "") or ([], the one error that is allowed)."""
    try:
        return read_pairs(file), ""
    except UsageError as error:
        return [], str(error)


SHAPES = st.sampled_from(["workflow", "listed", "columns"])
FORMS = st.sampled_from(["lines", "list", "indented"])


@given(PAIRS, SHAPES, FORMS, st.sampled_from(["", "\ufeff"]))
@example([Pair("a\u2028b\x85", "c")], "listed", "lines", "")
def test_what_is_written_is_read(file, pairs, shape, form, bom):
    file.write_text(bom + written(pairs, shape, form), "utf-8")
    assert list(map(astuple, read_pairs(file))) == list(map(astuple, pairs))


@given(PAIRS, SHAPES, FORMS, st.data())
def test_truncated_anywhere_is_an_error_or_fewer_whole_lines(file, pairs, shape, form, data):
    whole = written(pairs, shape, form).encode()
    cut = data.draw(st.integers(0, len(whole) - 2))
    file.write_bytes(whole[:cut])
    found, problem = attempt(file)
    if problem:
        assert problem.startswith(f"{file}: ")
    else:
        assert form == "lines"
        assert list(map(astuple, found)) == list(map(astuple, pairs[: len(found)]))
        assert whole[cut : cut + 1] == b"\n" or whole[cut - 1 : cut] == b"\n"


@given(st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"[" + b"9" * 5000 + b"]")
@example(b'{"anchor": "\xff')
def test_any_bytes_are_pairs_or_one_clear_error(file, data):
    file.write_bytes(data)
    with pytest.raises(UsageError, match=str(file)):
        read_pairs(file)


@given(JSON)
def test_any_json_is_pairs_or_one_clear_error(file, value):
    file.write_text(json.dumps([{"anchor": "a", "positive": "b", "metadata": value}]))
    found, problem = attempt(file)
    if value is None or isinstance(value, dict):
        assert found[0].metadata == (value or {})
    else:
        assert "entry 0, field 'metadata'" in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n\t", "is empty"),
        ("[]", "holds no pair"),
        ('"text"', "begins with '\"'; expected a JSON list of pairs, or one object a line"),
        ('{\n"pairs": []\n}', "is one JSON object; expected a JSON list"),
        ('[{"anchor": "a", "positive": "b"}, 7]', "entry 1: expected an object, found a number"),
        ('[{"anchor": "a", "positive": ["b"]}]', "entry 0, field 'positive': expected text"),
        ('[{"paper_text": 1.5, "code_text": ""}]', "entry 0, field 'paper_text': expected text"),
        ('[{"anchor": "a", "positive": "b", "negative": [{}]}]', "entry 0, field 'negative[0]'"),
        ('[{"anchor": "a", "positive": "b", "negative_2": 1}]', "entry 0, field 'negative_2'"),
        ('[{"anchor": "a", "positive": "b", "metadata": "m"}]', "entry 0, field 'metadata'"),
        ('[{"query": "a", "doc": "b"}]', "its fields: 'query', 'doc'"),
        ('[{"anchor": null, "positive": "b"}, {"anchor": "a"}]', "each of its 2 entries lacks"),
        ('[{"anchor": "a", "positive": "b"}', "the file seems cut off"),
        ('[{"anchor": "a", "posit', "the file seems cut off"),
        ('{"anchor": "a", "positive": "b"}\n\n{"anchor"', "entry 1 (line 3): no valid JSON"),
        ("[nonsense]", "no valid JSON: Expecting value at line 1, column 2"),
    ],
)
def test_what_is_wrong_is_named(file, text, message):
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_pairs(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pairs_that_lack_a_text_are_left_out_and_told(file):
    file.write_text(
        '{"anchor": "a", "positive": null}\n{"anchor": "a", "positive": "b", "score": 1}\n'
        '{"paper_text": " ", "code_text": "b"}\n'
    )
    said = []
    assert read_pairs(file, said.append) == [Pair("a", "b")]
    assert said == [f"{file}: 2 of 3 pairs lack a text and are left out; the first is entry 0"]


def test_negatives_of_all_columns_in_their_order_without_empty_ones(file):
    row = {"anchor": "a", "positive": "b", "negative_10": "n10", "negative_2": "n2"}
    row |= {"negative": ["n", "", None], "negative_x": 7, "negatives": 7}
    file.write_text(json.dumps([row]))
    assert read_pairs(file)[0].negatives == ("n", "n2", "n10")


def test_a_lone_surrogate_becomes_a_question_mark(file):
    file.write_text(r'[{"anchor": "a\ud800", "positive": "b"}]')
    assert read_pairs(file)[0].anchor == "a?"


def test_no_file_a_folder_and_utf_16_are_said(tmp_path):
    with pytest.raises(NotFoundError, match="no such file"):
        read_pairs(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot read"):
        read_pairs(tmp_path)
    (tmp_path / "wide.json").write_text("[]", "utf-16")
    with pytest.raises(UsageError, match="not UTF-8 at byte 0; save it as UTF-8"):
        read_pairs(tmp_path / "wide.json")
