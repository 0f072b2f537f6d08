"""Python source → snippets, by its syntax tree.

Lines ``start_line..end_line`` of the source are a snippet's code, always: nothing is
reformatted, and decorators belong to their function or class.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import PurePosixPath
from typing import Any

from codeindex.errors import ExtractionError
from codeindex.snippet import Snippet, SourceFile

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = _Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class _Found:
    """A definition and where it stands."""

    node: _Definition
    name: str
    in_class: bool


class PythonExtractor:
    """Extractor for Python 3 source."""

    def extract(self, source: SourceFile) -> Iterator[Snippet]:
        """Functions, methods, classes and what is left of the module, by first line.

        Raises:
            ExtractionError: the source is no valid Python 3, or nested too deeply.
        """
        tree = _parse(source.text)
        lines = source.text.split("\n")
        found = list(_definitions(tree))
        snippets = [
            _class(source, lines, item)
            if isinstance(item.node, ast.ClassDef)
            else _function(source, lines, item)
            for item in found
        ]
        snippets.extend(_module(source, lines, tree))
        snippets.sort(key=lambda snippet: (snippet.start_line, -snippet.end_line))
        yield from snippets


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bad escape in somebody's string is not our news
            return ast.parse(text)
    except SyntaxError as error:
        line = f" at line {error.lineno}" if error.lineno else ""
        if _is_python_2(text, error):
            raise ExtractionError(f"Python 2 syntax{line}") from None
        raise ExtractionError(f"syntax error{line}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ExtractionError("nested too deeply to be parsed") from None
    except ValueError as error:
        raise ExtractionError(f"cannot be parsed: {error}") from None


_PYTHON_2 = re.compile(
    r"\s*(print\s+[^=\s(]|print\s*$|exec\s+[\"'\w]|raise\s+\w+\s*,|except\s+[\w.()\s,]+,\s*\w+\s*:)"
    r"|.*(<>|`|\b0\d+\b|\d[lL]\b|\bur[\"'])"
)


def _is_python_2(text: str, error: SyntaxError) -> bool:
    lines = text.split("\n")
    number = (error.lineno or 0) - 1
    return 0 <= number < len(lines) and _PYTHON_2.match(lines[number]) is not None


def _definitions(tree: ast.Module) -> Iterator[_Found]:
    """Every function and class, with its qualified name. An own stack: trees may be deep."""
    stack: list[tuple[ast.AST, str, bool]] = [(tree, "", False)]
    while stack:
        node, prefix, in_class = stack.pop()
        for child in _statements(node):
            if isinstance(child, _Definition):
                name = f"{prefix}{child.name}"
                yield _Found(child, name, in_class)
                stack.append((child, f"{name}.", isinstance(child, ast.ClassDef)))
            elif isinstance(child, _COMPOUND):
                stack.append((child, prefix, in_class))


_COMPOUND = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.Try, ast.TryStar, ast.ExceptHandler, ast.Match, ast.match_case),
)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        yield from getattr(node, field, ())


def _first_line(node: _Definition) -> int:
    return min((node.lineno, *(decorator.lineno for decorator in node.decorator_list)))


def _function(source: SourceFile, lines: Sequence[str], item: _Found) -> Snippet:
    node = item.node
    start, end = _first_line(node), node.end_lineno or node.lineno
    kind = "method" if item.in_class else "function"
    header = node.body[0].lineno - 1 if node.body else node.lineno
    return _snippet(
        source, lines, kind, item.name, start, end, _docstring(node),
        {"signature": _signature(lines, node.lineno, max(header, node.lineno))},
    )  # fmt: skip


def _class(source: SourceFile, lines: Sequence[str], item: _Found) -> Snippet:
    """A class without its methods: decorators, header, docstring and leading attributes."""
    node = item.node
    methods = [child for child in node.body if isinstance(child, _Definition)]
    start, end = _first_line(node), node.end_lineno or node.lineno
    if methods:
        end = max(node.lineno, _first_line(methods[0]) - 1)
        while end > node.lineno and not lines[end - 1].strip():
            end -= 1
    header = node.body[0].lineno - 1 if node.body else node.lineno
    extra: dict[str, Any] = {
        "signature": _signature(lines, node.lineno, max(header, node.lineno)),
        "attributes": _attributes(node),
        "methods": [method.name for method in methods if not isinstance(method, ast.ClassDef)],
    }
    return _snippet(source, lines, "class", item.name, start, end, _docstring(node), extra)


def _attributes(node: _Definition) -> list[str]:
    names: list[str] = []
    for child in node.body:
        if isinstance(child, ast.Assign):
            names.extend(target.id for target in child.targets if isinstance(target, ast.Name))
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            names.append(child.target.id)
    return names


_SIGNATURE_LINES = 20


def _signature(lines: Sequence[str], start: int, end: int) -> str:
    """The header as written, on one line, without its colon."""
    text = " ".join(line.strip() for line in lines[start - 1 : min(end, start + _SIGNATURE_LINES)])
    return text.rstrip().removesuffix(":")


def _docstring(node: _Definition | ast.Module) -> str:
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return cleandoc(first.value.value)
    return ""


def _module(source: SourceFile, lines: Sequence[str], tree: ast.Module) -> Iterator[Snippet]:
    """Runs of top-level statements between definitions, where they hold more than imports."""
    docstring = _docstring(tree)
    run: list[ast.stmt] = []
    for node in [*tree.body, None]:
        if node is not None and not isinstance(node, _Definition):
            run.append(node)
            continue
        if any(_is_substantial(statement) for statement in run):
            first, last = run[0], run[-1]
            yield _snippet(
                source, lines, "module", _module_name(source.path),
                first.lineno, last.end_lineno or last.lineno, docstring, {},
            )  # fmt: skip
            docstring = ""
        run = []


def _is_substantial(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
        return False
    if isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        return names not in (["__all__"], ["__version__"], ["__author__"])
    return True


def _module_name(path: str) -> str:
    pure = PurePosixPath(path)
    stem = pure.stem
    return pure.parent.name if stem == "__init__" and pure.parent.name else stem


def _snippet(
    source: SourceFile,
    lines: Sequence[str],
    kind: str,
    name: str,
    start: int,
    end: int,
    docstring: str,
    extra: dict[str, Any],
) -> Snippet:
    code = "\n".join(lines[start - 1 : end])
    return Snippet(source.path, source.language, kind, name, start, end, code, docstring, extra)
