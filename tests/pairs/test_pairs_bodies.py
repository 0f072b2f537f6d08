"""without_docstring: the statement goes, and nothing else; the syntax tree is the judge."""

from __future__ import annotations

import ast
import difflib
import email.message
import tarfile
import textwrap
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeindex.pairs.bodies import without_docstring
from codeindex.snippet import SourceFile
from codeindex_python.extractor import PythonExtractor


def function_of(code):
    """Its tree, wherever it is indented to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        indented = code[:1] in (" ", "\t")
        (statement,) = ast.parse(f"if 1:\n{code}" if indented else code).body
    return statement.body[0] if indented else statement


def expected(code):
    function = function_of(code)
    function.body.pop(0)
    return ast.dump(function)


QUOTED = st.builds(
    lambda text, form: form(text),
    st.text(st.sampled_from("ab é\n\"'\\;#:\t"), max_size=12),
    st.sampled_from(
        [
            repr,
            lambda text: '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""',
            lambda text: "'''" + text.replace("\\", "\\\\").replace("'", "\\'") + "'''",
            lambda text: f"({text!r}\n        'more')",
            lambda text: f"{text!r} 'more'",
        ]
    ),
)
ENDS = st.sampled_from(["\n", "  # comment\n", ";\n", " ;  # comment\n", "\n\n    # comment\n"])
BODIES = st.sampled_from(
    [
        "    return 1",
        "    x = '''\n  less indented\n'''\n    return x",
        "    @decorated\n    def inner():\n        'doc'\n        return 'é'",
        "    # comment\n    if x:\n\n        return [\n1,\n]",
        "    'another text'\n    return 1",
        "    x = 1 + \\\n  2\n    return x",
    ]
)
HEADERS = st.sampled_from(
    [
        "def f(a, b='é'):\n",
        "async def f(a):  # comment\n",
        "@decorated(\n    'x'\n)\ndef f(\n    a,\n) -> 'int':\n",
    ]
)
FUNCTIONS = st.one_of(
    st.builds("{}    {}{}{}".format, HEADERS, QUOTED, ENDS, BODIES),
    st.builds("{}    {}; x = 'é'; y = 2\n    return y".format, HEADERS, QUOTED),
    st.builds("{}    {}; \\\n  x = 'é'\n    return y".format, HEADERS, QUOTED),
    st.builds("def f(é='é'): {}; x = 1; y = 2".format, QUOTED),
)


@given(FUNCTIONS, st.sampled_from(["", "    ", "\t"]))
@example("def f():\n    'doc';\n    @decorated\n    def g():\n        return 1\n    return g", "")
def test_the_docstring_goes_and_nothing_else(code, indentation):
    if "\n" in code and indentation:
        # As a method stands in its file; texts over lines keep their own indentation.
        code = indentation + code.replace("\n    ", f"\n{indentation}    ")
        code = code.replace("\ndef f", f"\n{indentation}def f").replace("\n)", f"\n{indentation})")
    try:
        wanted = expected(code)
    except SyntaxError:
        return
    body = without_docstring(code)
    assert body is not None
    assert ast.dump(function_of(body.code)) == wanted
    assert not body.is_stub


@pytest.mark.parametrize("module", [difflib, email.message, tarfile, textwrap])
def test_functions_of_the_standard_library(module):
    path = Path(module.__file__)
    source = SourceFile(path.name, "python", path.read_text("utf-8"))
    documented = 0
    for snippet in PythonExtractor().extract(source):
        body = without_docstring(snippet.code)
        if snippet.kind not in ("function", "method") or not snippet.docstring:
            assert body is None or snippet.kind == "class"
            continue
        if len(function_of(snippet.code).body) == 1:
            assert body is None
            continue
        documented += 1
        assert body is not None, snippet.name
        assert ast.dump(function_of(body.code)) == expected(snippet.code)
        assert body.code[0] not in " \t"
        gone = [*difflib.unified_diff(snippet.code.split("\n"), body.code.split("\n"), n=0)]
        assert gone
    assert documented > 5


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    'only a docstring'",
        "def f():\n    return 1",
        "def f():\n    f'no {docstring}'\n    return 1",
        "def f():\n    b'no docstring'\n    return 1",
        "class A:\n    'doc'\n    x = 1",
        "def f(:\n    'doc'\n    return 1",
        "def f():\n    'doc'\n    return 1\nx = 1",
        "x = '\ud800'",
        "\0",
        "",
    ],
)
def test_what_is_no_documented_function_is_none(code):
    assert without_docstring(code) is None


@pytest.mark.parametrize(
    ("code", "is_stub"),
    [
        ("def f():\n    'doc'\n    pass", True),
        ("def f():\n    'doc'\n    ...", True),
        ("def f():\n    'doc'\n    raise NotImplementedError", True),
        ("def f():\n    'doc'\n    raise NotImplementedError('later')", True),
        ("@overload\ndef f():\n    'doc'\n    return 1", True),
        ("@typing.overload\ndef f():\n    'doc'\n    return 1", True),
        ("@abc.abstractmethod\ndef f():\n    'doc'\n    return 1", True),
        ("def f():\n    'doc'\n    raise ValueError", False),
        ("def f():\n    'doc'\n    raise", False),
        ("def f():\n    'doc'\n    x = 1\n    raise NotImplementedError", False),
        ("@property\ndef f():\n    'doc'\n    return 1", False),
    ],
)
def test_stubs(code, is_stub):
    assert without_docstring(code).is_stub is is_stub


def test_a_method_is_not_indented_unless_a_text_of_it_would_change():
    plain = without_docstring("    def f(self):\n        'doc'\n\n        return 1")
    assert plain.code == "def f(self):\n\n    return 1"
    text = "    def f(self):\n        'doc'\n        return '''a\n        b'''"
    assert without_docstring(text).code == text.replace("        'doc'\n", "")
