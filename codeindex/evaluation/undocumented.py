"""A snippet → the same without any docstring: for searching, not for running."""

from __future__ import annotations

import ast
import warnings
from dataclasses import replace

from codeindex.snippet import Snippet

_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_MARKS = " \t/*#!-;%<>\"'"
"""What begins and ends a line of documentation in one language or another."""


def undocumented(snippet: Snippet) -> Snippet:
    """The snippet with an empty docstring, and code in which it does not stand.

    Of Python all docstrings are cut out, by the syntax tree, also those of definitions within.
    Where that cannot be read, and in other languages, the lines of the docstring are.
    """
    code = _cut(snippet.code) if snippet.language == "python" else None
    if code is None:
        code = _without_lines(snippet.code, snippet.docstring)
    return replace(snippet, code=code, docstring="")


def _cut(code: str) -> str | None:
    """Without docstrings; None if it is no Python."""
    indented = code[:1] in (" ", "\t")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bad escape in somebody's string is not our news
            tree = ast.parse(f"if 1:\n{code}" if indented else code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = [line.encode() for line in code.split("\n")]  # columns of the tree count bytes
    # From the last one up, so that the places of the others stay.
    for found in sorted(_docstrings(tree), key=lambda node: node.lineno, reverse=True):
        first = found.lineno - 1 - int(indented)
        last = (found.end_lineno or found.lineno) - 1 - int(indented)
        rest = lines[first][: found.col_offset] + lines[last][found.end_col_offset or 0 :]
        lines[first : last + 1] = [rest] if rest.strip(b" \t;") else []
    return b"\n".join(lines).decode()


def _docstrings(tree: ast.Module) -> list[ast.Constant]:
    nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, _Documented))]
    found = []
    for node in nodes:
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            found.append(first.value)
    return found


def _without_lines(code: str, docstring: str) -> str:
    """Without the lines that are a line of the docstring, but for comment signs and quotes."""
    said = {line.strip(_MARKS) for line in docstring.split("\n")} - {""}
    return "\n".join(line for line in code.split("\n") if line.strip(_MARKS) not in said)
