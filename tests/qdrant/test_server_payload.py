"""What a point holds, and filters as conditions: exactly those of `codeindex.filters`."""

from __future__ import annotations

import pytest
from double.filters import accepts
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qdrant_client import models

from codeindex.filters import Filter, Payload
from codeindex.snippet import Snippet
from codeindex_qdrant.payload import (
    KEYWORD_FIELDS,
    RESERVED,
    direct,
    document,
    point_id,
    received,
    sendable,
    snippet_of,
)
from codeindex_qdrant.server import conditions
from codeindex_qdrant.server.conditions import condition

TEXT = st.text(alphabet="ab./\ud800\ufdd0", max_size=7)
GLOB = st.text(alphabet="ab./*?[]-!\ud800", max_size=6)
PAYLOAD = st.builds(Payload, TEXT, st.sampled_from("xy"), st.sampled_from("kl"))
FILTER = st.builds(
    Filter,
    st.lists(GLOB, max_size=3).map(tuple),
    st.lists(st.sampled_from("xyz"), max_size=2).map(tuple),
    st.lists(st.sampled_from("klm"), max_size=2).map(tuple),
)


@settings(deadline=None, max_examples=400)
@given(GLOB, TEXT)
@example("a", "b/a/b")
@example("a/**", "a")
@example("./a", "b/a")
@example("a/", "b/a/b")
@example("**", "a")
def test_a_glob_that_fields_answer_is_answered_as_the_host_does(glob, path):
    alternatives = direct(glob)
    if alternatives is None:
        return
    fields = document(1, Payload(path, "x", "k"))
    held = {name: fields[name] if isinstance(fields[name], list) else [fields[name]]
            for name, _ in alternatives}  # fmt: skip
    found = any(value in held[name] for name, value in alternatives)
    assert found == Filter(paths=(glob,)).matches_path(path)


@pytest.mark.parametrize("glob", ["a", "a/b.py", "/a", "./a", "a/", "a/**", "a/b/**"])
def test_files_folders_and_names_need_no_scan(glob):
    assert direct(glob) is not None


@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_conditions_let_through_exactly_what_a_filter_does(monkeypatch, chunk):
    monkeypatch.setattr(conditions, "CHUNK", chunk)

    @settings(deadline=None, max_examples=150)
    @given(FILTER, st.lists(PAYLOAD, max_size=6))
    def check(where, payloads):
        documents = [document(id, payload) for id, payload in enumerate(payloads)]
        made = condition(where, lambda: sorted({fields["path"] for fields in documents}))
        # As it is sent.
        sent = made and models.Filter.model_validate_json(made.model_dump_json())
        for payload, fields in zip(payloads, documents, strict=True):
            let = made is not None and accepts(sent, "x", fields, set(KEYWORD_FIELDS))
            assert let == where.matches(payload), (where, payload, made)

    check()


def test_many_paths_are_named_in_bounded_conditions():
    paths = [f"a{number}.py" for number in range(2500)] + [f"b{number}" for number in range(3000)]
    made = condition(Filter(paths=("*.py",)), lambda: paths)
    (on_path,) = made.must
    assert [len(item.match.any) for item in on_path.should] == [1000, 1000, 500]
    fewer = condition(Filter(paths=("*.py", "b[0-9]*")), lambda: [*paths, "c"])
    (not_path,) = fewer.must[0].should
    assert [item.match.any for item in not_path.must_not] == [["c"]]


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_can_be_sent_and_is_received_as_it_was(text):
    assert received(sendable(text).encode().decode()) == text


def test_a_snippet_comes_back_as_it_was():
    snippet = Snippet(
        "a/\udcff.py",
        "python",
        "method",
        "A.b",
        3,
        7,
        "def b(): '\ud800'",
        "doc",
        {"x": ["\udc00"]},
    )
    payload = Payload(snippet.path, "python", "method", snippet)
    assert snippet_of(document(5, payload)) == snippet
    with pytest.raises(ValueError, match="no snippet"):
        snippet_of(document(5, Payload("a", "b", "c")))


def test_ids_of_points_never_change():
    """They are how a later version finds the points of an earlier one."""
    assert point_id(1) == "17d7156b-22fa-581b-8552-8d94f8bc86f4"
    assert RESERVED == "8c7e357e-a66b-59ae-a422-14aef2d7dd94"
