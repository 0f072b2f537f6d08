"""Extractor `python`: the lines of the file are the code, and odd input is told."""

from __future__ import annotations

import ast
import sysconfig
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeindex.errors import ExtractionError
from codeindex.extraction import prepared
from codeindex.snippet import SourceFile
from codeindex_python.extractor import PythonExtractor


def extract(text, path="pkg/mod.py"):
    return list(PythonExtractor().extract(SourceFile(path, "python", text)))


def by_name(text):
    found = {}
    for snippet in extract(textwrap.dedent(text).lstrip("\n")):
        found.setdefault((snippet.kind, snippet.name), snippet)
    return found


def test_functions_methods_classes_and_the_rest():
    found = by_name('''
        """The module."""

        import os

        LIMIT = 3

        @decorated(
            1
        )
        async def fetch(url):
            """Fetch it."""
            def inner():
                return url
            return inner

        @final
        class Client(Base, metaclass=M):
            """A client."""

            timeout: float = 1.0
            retries = 2

            def send(self, data):
                class Local:
                    pass
                return data

            @property
            def name(self):
                return "x"

            class Meta:
                ordering = 1

        if os.name == "nt":
            def windows():
                pass
    ''')
    assert set(found) == {
        ("module", "mod"),
        ("function", "fetch"),
        ("function", "fetch.inner"),
        ("class", "Client"),
        ("method", "Client.send"),
        ("class", "Client.send.Local"),
        ("method", "Client.name"),
        ("class", "Client.Meta"),
        ("function", "windows"),
    }
    assert found["function", "fetch"].code.startswith("@decorated(\n    1\n)\nasync def fetch")
    assert found["function", "fetch"].docstring == "Fetch it."
    client = found["class", "Client"]
    assert client.code.startswith("@final\nclass Client")
    assert client.code.endswith("retries = 2")
    assert client.extra == {
        "signature": "class Client(Base, metaclass=M)",
        "attributes": ["timeout", "retries"],
        "methods": ["send", "name"],
    }
    assert found["method", "Client.name"].code.startswith("    @property\n")
    assert found["function", "fetch"].extra["signature"] == "async def fetch(url)"
    module = found["module", "mod"]
    assert module.docstring == "The module."
    assert "LIMIT = 3" in module.code


def test_a_module_of_imports_only_gives_nothing():
    assert extract("import os\nfrom sys import path\n\n__all__ = ['x']\n") == []
    assert extract("") == []
    assert extract("# only a comment\n") == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(): pass; x = 1\nclass A: pass\nclass B: x = 1; y = 2\n",
        "def f():\n    return '''a\fb\x0b'''\n\fdef g():\n    pass\n",
        "def f():\n\treturn 1\n\n\n\ndef g(): return (\n1,\n2)",
        "x = 1; y = 2\ndef f():\n    return \\\n        3\n",
        "class A:\n    '''doc'''\n\n    @a\n    @b\n    def m(self): ...\n\n    x = 1\n",
        "try:\n    def f(): ...\nexcept* E:\n    def g(): ...\nelse:\n    def h(): ...\n"
        "finally:\n    def i(): ...\n",
        "match x:\n    case 1:\n        def f(): ...\n    case _:\n        class C: ...\n",
        "@overload\ndef f(a): ...\n@overload\ndef f(a): ...\ndef f(a): return a\n",
        "def größe():\n    '''\u4e2d\u6587'''\n    return 'é'\n",
    ],
)
def test_the_lines_of_the_file_are_the_code(source):
    lines = source.split("\n")
    snippets = extract(source)
    assert snippets
    for snippet in snippets:
        assert "\n".join(lines[snippet.start_line - 1 : snippet.end_line]) == snippet.code
    keys = [item.key for item in prepared(iter(snippets))]
    assert len(set(keys)) == len(keys)
    assert [s.start_line for s in snippets] == sorted(s.start_line for s in snippets)


def test_except_star_and_match_bodies_are_entered():
    names = {s.name for s in extract("try:\n    pass\nexcept* E:\n    def g(): ...\n")}
    assert "g" in names
    assert "f" in {s.name for s in extract("match x:\n    case 1:\n        def f(): ...\n")}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(:\n", "syntax error at line 1"),
        ("x = 1\nprint 'hello'\n", "Python 2 syntax at line 2"),
        ("try:\n    pass\nexcept E, e:\n    pass\n", "Python 2 syntax at line 3"),
        ("x = 1 <> 2\n", "Python 2 syntax at line 1"),
        ("x = 0777\n", "Python 2 syntax at line 1"),
        ("x = '\0'\n", "cannot be parsed|syntax error"),
        ("(" * 5000 + ")" * 5000, "nested too deeply|syntax error"),
        ("x = " + "-" * 100_000 + "1", "nested too deeply|syntax error"),
        ("if a:\n" + "".join(" " * n + "if a:\n" for n in range(1, 120)), "syntax error"),
    ],
)
def test_odd_input_is_a_reason_not_a_crash(source, reason):
    with pytest.raises(ExtractionError, match=reason) as caught:
        extract(source)
    assert "\n" not in str(caught.value)


def test_a_doubtful_escape_is_no_warning_of_ours():
    assert extract("def f():\n    return '\\d'\n")[0].name == "f"


def test_deeply_nested_functions_do_not_end_the_process():
    depth = 90
    source = "".join(f"{' ' * n}def f{n}():\n" for n in range(depth)) + " " * depth + "pass\n"
    assert len(extract(source)) == depth


@given(st.text(max_size=300))
def test_garbage_never_raises_anything_but_an_extraction_error(text):
    try:
        snippets = extract(text)
    except ExtractionError:
        return
    lines = text.split("\n")
    for snippet in snippets:
        assert "\n".join(lines[snippet.start_line - 1 : snippet.end_line]) == snippet.code


_NAMES = st.sampled_from(["a", "b", "run", "Model"])


@st.composite
def sources(draw, depth=0):
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["def", "class", "async def", "if", "x = 1", "'''doc'''", ""]))
        if kind in ("x = 1", "'''doc'''", ""):
            lines.append(kind)
            continue
        lines.extend(["@decorator"] * (draw(st.integers(0, 2)) if kind != "if" else 0))
        head = (
            "if x:"
            if kind == "if"
            else f"{kind} {draw(_NAMES)}" + ("():" if "def" in kind else ":")
        )
        lines.append(head)
        body = draw(sources(depth + 1)) if depth < 3 else ["pass"]
        lines.extend(f"    {line}" if line else "" for line in [*body, "pass"])
    return lines


@given(sources())
def test_every_definition_is_found_once_with_its_lines(lines):
    text = "\n".join(lines)
    snippets = extract(text)
    definitions = sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.walk(ast.parse(text))
    )
    assert sum(snippet.kind != "module" for snippet in snippets) == definitions
    for snippet in snippets:
        assert "\n".join(lines[snippet.start_line - 1 : snippet.end_line]) == snippet.code
    keys = [item.key for item in prepared(iter(snippets))]
    assert len(set(keys)) == len(keys)


def test_the_standard_library_against_a_plain_walk_of_the_tree():
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(folder.glob("*.py"))[::4] + sorted((folder / "asyncio").glob("*.py"))
    assert len(files) > 40
    for file in files:
        text = file.read_text("utf-8")
        snippets = extract(text, file.name)
        nodes = list(ast.walk(ast.parse(text)))
        for kinds, types in (
            (("function", "method"), (ast.FunctionDef, ast.AsyncFunctionDef)),
            (("class",), (ast.ClassDef,)),
        ):
            expected = sorted(node.name for node in nodes if isinstance(node, types))
            given = sorted(s.name.rpartition(".")[2] for s in snippets if s.kind in kinds)
            assert given == expected, file
