"""A Python function's source → the same without its docstring statement, by its syntax tree."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_TRAILING = re.compile(r"\s*;?\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Body:
    """A function without its docstring.

    Attributes:
        code: not indented where that does not change what it says.
        is_stub: it does nothing: an overload, an abstract method, ``pass``.
    """

    code: str
    is_stub: bool


def without_docstring(code: str) -> Body | None:
    """The function without its docstring: nothing else is changed, but for common indentation.

    Args:
        code: whole lines of one function with its decorators, indented or not.

    Returns:
        None if it is not one function, has no docstring, or is nothing but a docstring.
    """
    parsed = _parsed(code)
    if parsed is None:
        return None
    function, ahead = parsed
    if ast.get_docstring(function, clean=False) is None or len(function.body) < 2:
        return None
    bare = _cut(code, function, ahead)
    if bare is None:
        return None
    return Body(_dedented(bare), _is_stub(function))


def _parsed(code: str) -> tuple[_Function, int] | None:
    """The function, and how many rows its positions are ahead of those of `code`."""
    indented = code[:1] in (" ", "\t")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bad escape in somebody's string is not our news
            statements = ast.parse(f"if 1:\n{code}" if indented else code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if indented and len(statements) == 1 and isinstance(statements[0], ast.If):
        statements = statements[0].body
    if len(statements) != 1 or not isinstance(statements[0], _Function):
        return None
    return statements[0], int(indented)


def _dump(code: str) -> str:
    """What it says, wherever it stands; empty if it is not one function."""
    parsed = _parsed(code)
    return ast.dump(parsed[0]) if parsed is not None else ""


def _cut(code: str, function: _Function, ahead: int) -> str | None:
    """The lines without the docstring statement; None where that cannot be told for sure."""
    docstring, following = function.body[:2]
    lines = code.split("\n")
    first = docstring.lineno - 1 - ahead
    last = (docstring.end_lineno or docstring.lineno) - 1 - ahead
    before = _bytes(lines[first])[: docstring.col_offset]
    after = _bytes(lines[last])[docstring.end_col_offset or 0 :]
    if not before.strip() and _TRAILING.fullmatch(after.decode()):
        return "\n".join([*lines[:first], *lines[last + 1 :]])
    # It shares its lines with the header or, after a semicolon, with what follows.
    row = following.lineno - 1 - ahead
    joined = (before + _bytes(lines[row])[following.col_offset :]).decode()
    bare = "\n".join([*lines[:first], joined, *lines[row + 1 :]])
    function.body.pop(0)
    same = _dump(bare) == ast.dump(function)
    function.body.insert(0, docstring)
    return bare if same else None


def _bytes(line: str) -> bytes:
    return line.encode()  # columns of the tree count bytes


def _dedented(code: str) -> str:
    """Without common indentation, if it says the same then: a text over lines may not."""
    if code[:1] not in (" ", "\t"):
        return code
    plain = textwrap.dedent(code)
    if plain == code or not ('"""' in code or "'''" in code or "\\\n" in code):
        return plain
    return plain if _dump(plain) == _dump(code) else code


def _is_stub(function: _Function) -> bool:
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in function.decorator_list}
    if not names.isdisjoint({"overload", "abstractmethod", "abstractproperty"}):
        return True
    return all(map(_does_nothing, function.body))


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return False
