"""Filter: globs on paths, languages, kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.filters import Filter, Payload, glob_regex


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.py", ["a.py", "x/y/a.py"], ["a.pyi", "a.py/x"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "lib/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["lib/a.py", "src/a.txt"]),
        ("**/test_*.py", ["test_a.py", "x/y/test_b.py"], ["x/atest_a.py"]),
        ("src", ["src", "src/a.py", "lib/src/b/c.py"], ["src2/a.py", "xsrc/a"]),
        ("src/", ["src/a.py"], ["srcs/a.py"]),
        ("./src", ["src/a.py"], ["lib/src/a.py"]),
        ("/a.py", ["a.py"], ["x/a.py"]),
        ("src/**", ["src/a", "src/a/b"], ["src", "srcx/a"]),
        ("a/b.py", ["a/b.py"], ["x/a/b.py", "a/b_py"]),
        ("?.py", ["a.py"], ["ab.py", ".py", "x/.py"]),
        ("[ab].py", ["a.py", "b.py"], ["c.py"]),
        ("[!ab].py", ["c.py"], ["a.py", "/.py"]),
        ("[a-c]x", ["bx"], ["dx", "-x"]),
        ("a[", ["a["], ["a"]),
        ("[z-a].py", ["[z-a].py"], ["z.py"]),
        ("a.b", ["a.b"], ["axb"]),
        ("größe/*", ["größe/é.py"], ["grosse/x"]),
    ],
)
def test_globs(glob, yes, no):
    pattern = Filter(paths=(glob,))
    assert [path for path in yes if not pattern.matches_path(path)] == []
    assert [path for path in no if pattern.matches_path(path)] == []


def test_alternatives_within_a_field_and_all_fields_together():
    where = Filter(paths=("a", "b"), languages=("python",), kinds=("method", "class"))
    assert where.matches(Payload("b/x.py", "python", "class"))
    assert not where.matches(Payload("c/x.py", "python", "class"))
    assert not where.matches(Payload("a/x.py", "sql", "class"))
    assert not where.matches(Payload("a/x.py", "python", "function"))
    assert Filter().matches(Payload("", "", ""))
    assert not Filter()
    assert where


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_glob_is_an_error(glob, path):
    match = glob_regex(glob).match(path)
    assert match is None or match.end() == len(path)


@given(st.from_regex(r"[a-z_.]{1,5}(/[a-z_.]{1,5}){0,3}", fullmatch=True))
def test_a_literal_path_matches_itself_and_what_is_below(path):
    if path.startswith("./"):
        return
    assert Filter(paths=(path,)).matches_path(path)
    assert Filter(paths=(path,)).matches_path(f"{path}/below.py")
    assert Filter(paths=("**",)).matches_path(path)
