"""Mining: what becomes of each function is counted, and no anchor stands in its code."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex import Host, Snippet
from codeindex.errors import NotFoundError
from codeindex.pairs.filters import LeftOut, Mined, MiningOptions, is_generated, is_test, mined
from codeindex.pairs.mining import Miner, MiningCounts, name_of
from codeindex.pairs.reading import read_pairs
from codeindex.pairs.writing import as_row, write_rows
from codeindex.texts import embedding_text

GOOD = '''def scale(values, factor):
    """Multiply every value by a factor.

    Args:
        values: numbers.
    """
    scaled = [value * factor for value in values]
    return scaled
'''


@pytest.fixture(scope="module")
def python():
    return Host.load()


def function(code, name="f", path="a.py", language="python", docstring=None):
    import ast

    if docstring is None:
        docstring = ast.get_docstring(ast.parse(code).body[0]) or ""
    return Snippet(path, language, "function", name, 1, 1 + code.count("\n"), code, docstring)


def body(docstring, lines="    a = x + 1\n    b = a * 2\n    return b\n", head="def f(x):"):
    return f"{head}\n    {docstring!r}\n{lines}"


def test_a_pair_is_the_first_paragraph_and_the_function_without_it():
    found = mined(function(GOOD, "scale"), MiningOptions())
    code = (
        "def scale(values, factor):\n    scaled = [value * factor for value in values]\n"
        "    return scaled\n"
    )
    assert found == Mined("Multiply every value by a factor.", code, code)


def test_the_positive_may_be_what_an_index_embeds():
    snippet = function(GOOD, "scale_all", "lib/maths.py")
    found = mined(snippet, MiningOptions(text="index"))
    bare = replace(snippet, code=found.code, docstring="")
    assert found.positive == embedding_text(bare)
    assert found.positive.startswith("lib maths\nscale_all scale all\ndef scale(")
    assert "Multiply" not in found.positive
    named = function(GOOD.replace("by a factor", ""), "multiply_every_value")
    snippet = replace(named, docstring="Multiply every value")
    assert mined(snippet, MiningOptions(text="index")) == LeftOut.IN_CODE


@pytest.mark.parametrize(
    ("snippet", "reason"),
    [
        (function("def f(x):\n    return x\n"), LeftOut.UNDOCUMENTED),
        (function(body("Adds one to it."), "test_f"), LeftOut.TEST),
        (function(body("Adds one to it."), path="tests/a.py"), LeftOut.TEST),
        (function(body("Adds one to it."), "A.__init__"), LeftOut.DUNDER),
        (function(body("Adds it.")), LeftOut.SHORT_TEXT),
        (function(body(">>> f(1) and more of it")), LeftOut.SHORT_TEXT),
        (function(body("Adds one " * 80)), LeftOut.LONG_TEXT),
        (function(body("Devuelve la lista de los nombres")), LeftOut.NO_ENGLISH),
        (function(body('domain = atom *("." atom) / obs')), LeftOut.NO_ENGLISH),
        (function(body("See the base class.")), LeftOut.NOTHING_SAID),
        (function(body("TODO: say what it does")), LeftOut.NOTHING_SAID),
        (function(body("Adds one to it.", "")), LeftOut.STUB),
        (function(body("Adds one to it.", "    ...\n")), LeftOut.STUB),
        (function(body("Adds one to it.", head="@overload\ndef f(x):")), LeftOut.STUB),
        (function(body("Adds one to it.", "    return x + 1\n")), LeftOut.SHORT_CODE),
        (function(body("Adds one to it.", "\n\n\n    return x + 1\n")), LeftOut.SHORT_CODE),
        (function(body("Adds one to it.", "    x += 1\n" * 501)), LeftOut.LONG_CODE),
        (
            function(body("Adds one to it.", "    # adds  ONE to it.\n    x += 1\n    return x\n")),
            LeftOut.IN_CODE,
        ),
        (
            function(
                "fn f() {\n// Adds one to it.\na\n}", language="x", docstring="Adds one to it."
            ),
            LeftOut.NOT_REMOVABLE,
        ),
    ],
)
def test_what_is_left_out_and_why(snippet, reason):
    assert mined(snippet, MiningOptions()) == reason


def test_of_other_languages_code_is_taken_that_does_not_hold_the_docstring():
    code = "fn f() {\n  a\n}"
    snippet = function(code, language="x", docstring="Adds one to it.")
    assert mined(snippet, MiningOptions()) == Mined("Adds one to it.", code, code)


PROSE = st.lists(
    st.sampled_from(["adds", "one", "it", ".", "and,", "gives:", "(two)", "b'ck"]), min_size=3
)
DOCSTRINGS = st.builds(
    lambda first, rest, gap: " ".join(first) + gap + " ".join(rest),
    PROSE,
    PROSE,
    st.sampled_from(["\n", "\n\n", "\n    ", "\n\n    :param x: "]),
)


@given(DOCSTRINGS, st.sampled_from(["'''{}'''", '"""{}"""', "r'''{}'''", "('''{}''')"]), PROSE)
def test_the_anchor_never_stands_in_the_code(docstring, quoted, comment):
    code = (
        f"def f(x):\n    {quoted.format(docstring)}\n    # {' '.join(comment)}\n"
        f"    y = {' '.join(comment)!r}\n    return y\n"
    )
    found = mined(function(code), MiningOptions())
    if isinstance(found, Mined):
        flat = " ".join(found.code.split()).lower()
        assert found.anchor.lower() not in flat
        assert " ".join(docstring.split()).lower() not in flat
        assert "".join(found.anchor.split()) in "".join(docstring.split())


@pytest.mark.parametrize(
    ("path", "name", "test"),
    [
        ("src/a.py", "f", False),
        ("src/test/a.py", "f", True),
        ("src/tests/deep/a.py", "f", True),
        ("test_a.py", "f", True),
        ("a_test.py", "f", True),
        ("conftest.py", "f", True),
        ("src/testing/a.py", "f", False),
        ("src/contest.py", "f", False),
        ("latest.py", "f", False),
        ("a.py", "test_f", True),
        ("a.py", "A.test_f", True),
        ("a.py", "testF", True),
        ("a.py", "testimony", False),
        ("a.py", "TestA.f", True),
        ("a.py", "ATests.f", True),
        ("a.py", "ATestCase.f", True),
        ("a.py", "A.setUp", True),
        ("a.py", "Contest.f", False),
        ("a.py", "Latest.f", False),
    ],
)
def test_tests_are_known_by_name(path, name, test):
    assert is_test(path, name) is test


@pytest.mark.parametrize(
    ("head", "generated"),
    [
        ("# Generated by Django 5.0 on 2024-01-01", True),
        ("#!/usr/bin/python\n# -*- coding: utf-8 -*-\n\n# This file was generated by a tool", True),
        ("// Code generated by protoc. DO NOT EDIT.", True),
        ('"""\n    This file is autogenerated by scripts/get.py\n"""', True),
        ("# Auto-generated by Tools/build.py", True),
        ("# @generated", True),
        ('"""Reports that are generated by the scheduler."""', False),
        ("# Note: the auto-generated frame is used", False),
        ("# version.py is auto-generated", False),
        ("x = 1\n", False),
    ],
)
def test_generated_files_say_so(head, generated):
    assert is_generated(head) is generated


def mine(host, *paths, repo_name="", jobs=1, **options):
    counts = MiningCounts()
    miner = Miner(host, MiningOptions(**options), jobs=jobs)
    return list(miner.pairs(paths, counts, repo_name=repo_name)), counts


def unlike(number):
    """A function that is unlike those of other numbers."""
    lines = "".join(f"    v{number}_{place} = x ** {number}\n" for place in range(4))
    return body(f"Adds {number} numbers to it.", f"{lines}    return v{number}_0\n")


@pytest.fixture
def library(tmp_path):
    root = tmp_path / "library"
    (root / "pkg" / "tests").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("\n".join(map(unlike, (11, 12, 13))))
    (root / "pkg" / "b.py").write_text(unlike(11) + "\n" + unlike(14).replace("14 n", "13 n"))
    (root / "pkg" / "tests" / "t.py").write_text(unlike(15))
    (root / "pkg" / "made.py").write_text("# Generated by make. Do not edit.\n" + unlike(16))
    (root / "pkg" / "broken.py").write_text("def (:")
    return root


def test_a_tree(python, library):
    pairs, counts = mine(python, library, same_text=1)
    assert [pair.metadata["code_file_path"] for pair in pairs] == ["pkg/a.py"] * 3
    assert {pair.repository for pair in pairs} == {"library"}
    assert {pair.file for pair in pairs} == {"library:pkg/a.py"}
    assert pairs[0].metadata == {
        "repo_name": "library",
        "code_file_path": "pkg/a.py",
        "function_name": "f",
        "code_language": "python",
        "line_numbers": {"start": 1, "end": 7},
    }
    assert (counts.files, counts.functions, counts.pairs) == (4, 7, 3)
    assert counts.left_out == {LeftOut.SAME_TEXT: 2, LeftOut.TEST: 1, LeftOut.GENERATED: 1}
    assert counts.skipped == ["pkg/broken.py: syntax error at line 1: invalid syntax"]


def test_each_function_is_counted_once(python, library):
    _, counts = mine(python, library)
    assert counts.pairs + counts.left_out.total() == counts.functions
    assert counts.left_out[LeftOut.DUPLICATE] == 1
    assert json.loads(json.dumps(counts.as_json()))["left_out"]["a test"] == 1


def test_copies_are_found_over_all_paths_and_each_path_is_a_repository(python, library, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text(unlike(11) + "\n" + unlike(19))
    pairs, _ = mine(python, library, other)
    assert Counter(pair.repository for pair in pairs) == {"library": 4, "other": 1}
    pairs, _ = mine(python, library, other, repo_name="Mine")
    assert {pair.repository for pair in pairs} == {"mine"}


def test_the_same_pairs_from_worker_processes_and_again(python, library):
    for number in range(30):
        (library / f"m{number}.py").write_text(unlike(100 + number))
    here, _ = mine(python, library)
    assert len(here) == 34
    assert mine(python, library, jobs=2)[0] == here


def test_what_is_written_is_read_again(python, library, tmp_path):
    pairs, _ = mine(python, library)
    for name in ("pairs.jsonl", "pairs.json"):
        assert write_rows(map(as_row, pairs), tmp_path / name) == len(pairs)
        assert read_pairs(tmp_path / name) == pairs


def test_a_path_that_is_not_there(python, library):
    with pytest.raises(NotFoundError, match="no such file"):
        mine(python, library, library / "none")


def test_names(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("")
    assert name_of(tmp_path / "a.py") == tmp_path.name
    monkeypatch.chdir(tmp_path)
    assert name_of(tmp_path / "..") == tmp_path.parent.name
