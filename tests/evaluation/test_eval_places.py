"""What a target stands for."""

from __future__ import annotations

import pytest

from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Level
from codeindex.snippet import Snippet


def snippet(path, name, first, last, kind="function"):
    return Snippet(path, "python", kind, name, first, last, "code")


SNIPPETS = [
    snippet("a.py", "A", 1, 4, "class"),
    snippet("a.py", "A.size", 6, 8, "method"),  # a property
    snippet("a.py", "A.size", 10, 12, "method"),  # and what sets it
    snippet("a.py", "outer", 20, 30),
    snippet("a.py", "outer.inner", 23, 25),
    snippet("odd:name.py", "f", 1, 2),
]


@pytest.mark.parametrize(
    ("target", "answers"),
    [
        ("a.py:A", ["a.py:A"]),
        (" ./a.py:A ", ["a.py:A"]),
        ("a.py:A.size", ["a.py:A.size#L6", "a.py:A.size#L10"]),
        ("a.py:A.size#L10", ["a.py:A.size#L10"]),
        ("a.py#L24", ["a.py:outer.inner"]),
        ("a.py#L22-L24", ["a.py:outer", "a.py:outer.inner"]),
        ("a.py#L21-31", ["a.py:outer", "a.py:outer.inner"]),
        ("a.py#L1-L999999999", ["a.py:A", "a.py:A.size#L6", "a.py:A.size#L10", "a.py:outer",
                                "a.py:outer.inner"]),
        ("a.py#L5", []),
        ("a.py#L9-L1", []),
        ("odd:name.py:f", ["odd:name.py:f"]),
        ("a.py:gone", []),
        ("gone.py", []),
        ("gone.py#L1", []),
        ("", []),
    ],
)  # fmt: skip
def test_targets_at_the_level_of_snippets(target, answers):
    places = Places(SNIPPETS, Level.SNIPPET)
    assert places.resolved(target) == answers
    assert len(places) == 6


@pytest.mark.parametrize(
    ("target", "answers"),
    [
        ("a.py", ["a.py"]),
        ("a.py:A", ["a.py"]),
        ("a.py:gone", ["a.py"]),
        ("a.py#L9", ["a.py"]),
        ("odd:name.py", ["odd:name.py"]),
        ("odd:name.py:f#L1", ["odd:name.py"]),
        ("gone.py:f", []),
        ("odd", []),
    ],
)
def test_targets_at_the_level_of_files(target, answers):
    places = Places(SNIPPETS, Level.FILE)
    assert places.resolved(target) == answers
    assert len(places) == 2


def test_every_snippet_is_found_again_by_what_it_is_called():
    places = Places(SNIPPETS, Level.SNIPPET)
    names = [places.of(item) for item in SNIPPETS]
    assert len(set(names)) == len(SNIPPETS)
    assert [places.resolved(name) for name in names] == [[name] for name in names]


def test_a_file_is_all_of_its_snippets():
    places = Places(SNIPPETS, Level.SNIPPET)
    assert places.is_file("./a.py")
    assert not places.is_file("a.py:A")
    assert len(places.resolved("a.py")) == 5
