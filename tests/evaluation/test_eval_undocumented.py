"""No docstring stays in what is searched, and nothing else goes."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.evaluation.undocumented import undocumented
from codeindex.snippet import Snippet


def bare(code, docstring="", language="python"):
    snippet = Snippet("a", language, "function", "f", 1, 9, code, docstring)
    found = undocumented(snippet)
    assert found.docstring == ""
    assert (found.path, found.name, found.start_line, found.end_line) == ("a", "f", 1, 9)
    return found.code


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ('def f():\n    """Doc."""\n    return 1', "def f():\n    return 1"),
        ('    def f(self):\n        """Doc."""\n        return 1',
         "    def f(self):\n        return 1"),
        ('def f():\n    """Doc\n\n    of two.\n    """\n    return 1', "def f():\n    return 1"),
        ('def f(): "Doc."; return 1', "def f(): ; return 1"),
        ('def f():\n    "ünï Doc." ; return "ü"', 'def f():\n     ; return "ü"'),
        ('class A:\n    """Doc."""', "class A:"),
        ('"""Doc."""\nX = 1', "X = 1"),
        ('def f():\n    """Doc."""\n    def g():\n        "Inner."\n        return 1\n    return g',
         "def f():\n    def g():\n        return 1\n    return g"),
        ('def f():\n    return """no docstring"""', 'def f():\n    return """no docstring"""'),
    ],
)  # fmt: skip
def test_of_python(code, left):
    assert bare(code) == left


def test_python_that_cannot_be_read_loses_the_lines_of_its_docstring():
    code = 'def f(:\n    """Count the sheep.\n\n    All of them.\n    """\n    return 1'
    docstring = "Count the sheep.\n\nAll of them."
    assert bare(code, docstring) == 'def f(:\n\n    """\n    return 1'


def test_code_that_also_stands_in_the_docstring_stays():
    code = 'def f(x):\n    """Double it.\n\n    x = 2 * x\n    """\n    x = 2 * x\n    return x'
    docstring = "Double it.\n\nx = 2 * x"
    assert bare(code, docstring) == "def f(x):\n    x = 2 * x\n    return x"


def test_another_language_loses_the_lines_of_its_docstring():
    code = "/**\n * Count the sheep.\n * All of them.\n */\nint f() { return 1; } // sheep"
    docstring = "Count the sheep.\nAll of them."
    assert bare(code, docstring, "c") == "/**\n */\nint f() { return 1; } // sheep"


NAMES = st.sampled_from(["f", "g", "größe"])
DOCS = st.text(st.sampled_from("äb \n.#'"), max_size=20).map(lambda text: f"ZQ{text}ZQ")


@st.composite
def sources(draw, depth=2):
    """Python in which every docstring holds ZQ, and nothing else does."""
    lines = [f"def {draw(NAMES)}(a):"]
    body = []
    if draw(st.booleans()):
        body.append(f'"""{draw(DOCS)}"""')
    if depth and draw(st.booleans()):
        body.append(draw(sources(depth=depth - 1)))
    body.append(draw(st.sampled_from(["return a", 'x = "text"', "pass"])))
    for part in body:
        lines += ["    " + line for line in part.split("\n")]
    return "\n".join(lines)


@given(sources(), st.booleans())
def test_every_docstring_goes_and_the_rest_says_the_same(source, indented):
    code = textwrap.indent(source, "    ", lambda line: True) if indented else source
    left = bare(code)
    assert "ZQ" not in left
    wrapped = f"if 1:\n{left}" if indented else left
    tree = ast.parse(f"if 1:\n{code}" if indented else code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body.pop(0)
    assert ast.dump(ast.parse(wrapped)) == ast.dump(tree)
