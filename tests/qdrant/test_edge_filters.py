"""Filters of `qdrant-edge` let through exactly what `Filter.matches` does."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeindex.filters import Filter, Payload

pytest.importorskip("qdrant_edge")

from edge_toys import opened, vectors

NAMES = ["a", "b", "a.py", "ab", "*", "[a]", "é", "a\udc80", "\ufdd0dc80", " ", "", "A"]
PATHS = [
    *NAMES,
    *("/".join(names) for names in itertools.product(NAMES, repeat=2)),
    *("/".join(names) for names in itertools.product(NAMES[:5], repeat=3)),
    "x" * 5000,
    "a\nb/a",
    "/a",
    "a/",
]
LANGUAGES = ["python", "", "c++", "\udc80"]
KINDS = ["function", "class", "a\udc80"]

PAYLOADS = {
    id: Payload(path, LANGUAGES[id % len(LANGUAGES)], KINDS[id % len(KINDS)])
    for id, path in enumerate(PATHS)
}

parts = st.sampled_from([*NAMES, "**", "*.py", "?", "a*", "[ab]", "[!a]", "x" * 5000, "\n", "["])
globs = st.builds(
    lambda before, names, after: before + "/".join(names) + after,
    st.sampled_from(["", "", "/", "./"]),
    st.lists(parts, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**"]),
)
filters = st.builds(
    Filter,
    st.lists(globs, max_size=3).map(tuple),
    st.lists(st.sampled_from([*LANGUAGES, "none"]), max_size=2).map(tuple),
    st.lists(st.sampled_from([*KINDS, "none"]), max_size=2).map(tuple),
)


def fill(backend):
    backend.add(list(PAYLOADS), vectors(PAYLOADS), list(PAYLOADS.values()))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    backend = opened(folder)
    fill(backend)
    files = backend.commit()
    backend.close()
    reader = opened(folder, files)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def optimized(tmp_path_factory):
    """In a graph, changed since: some were replaced by others, and some came back."""
    backend = opened(tmp_path_factory.mktemp("optimized"))
    fill(backend)
    backend.optimize()
    some = list(PAYLOADS)[::3]
    backend.add(some, vectors(some), [Payload("b/other.py", "python", "class")] * len(some))
    backend.remove(list(PAYLOADS)[::7])
    again = sorted({*some, *list(PAYLOADS)[::7]})
    backend.add(again, vectors(again), [PAYLOADS[id] for id in again])
    yield backend
    backend.close()


def check(backend, where):
    hits = backend.search(vectors([0]), len(PAYLOADS), where)[0]
    matching = [id for id, payload in PAYLOADS.items() if where.matches(payload)]
    assert sorted(hit.id for hit in hits) == matching


relaxed = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(where=filters)
@relaxed
def test_a_filter_lets_through_what_matches(plain, where):
    check(plain, where)


@given(where=filters)
@settings(parent=relaxed, max_examples=100)
def test_a_filter_is_exact_after_optimizing_too(optimized, where):
    check(optimized, where)


@pytest.mark.parametrize(
    "glob", ["a", "/a", "a/b", "a/**", "*.py", "**/a", "[ab]", "nothing", "**", "", "/", "a//b"]
)
def test_each_form_of_glob(plain, glob):
    check(plain, Filter(paths=(glob,)))


def test_globs_follow_what_is_added(tmp_path):
    backend = opened(tmp_path)
    backend.add([1], vectors([1]), [Payload("one.py", "python", "x")])
    where = Filter(paths=("*.py",))
    assert len(backend.search(vectors([1]), 9, where)[0]) == 1
    backend.add([2], vectors([2]), [Payload("two.py", "python", "x")])
    assert len(backend.search(vectors([1]), 9, where)[0]) == 2
    backend.close()
