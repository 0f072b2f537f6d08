"""Docstring questions: a package without the docstrings that are asked for, and those."""

from __future__ import annotations

import ast
import random
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20
_WORDS = range(4, 40)
"""Words of a docstring's first paragraph that asks for something that can be found."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what answers it.

    Attributes:
        names: of the answers, as (path, qualified name); empty where whole files answer.
        files: paths of the files that answer it.
    """

    query: str
    names: frozenset[tuple[str, str]]
    files: frozenset[str]


def stripped(package: Path, target: Path, count: int) -> list[Asked]:
    """Copies a package without the docstrings of its functions; returns `count` of those.

    Only of functions that do more than being documented, outside tests; a docstring that
    stands twice asks for all that had it. Drawn by a fixed seed.
    """
    shutil.rmtree(target, ignore_errors=True)
    found: dict[str, set[tuple[str, str]]] = {}
    for source in sorted(package.rglob("*.py")):
        path = source.relative_to(package.parent).as_posix()
        try:
            text = source.read_text("utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        lines: list[str | None] = list(text.split("\n"))
        for name, node in _documented(tree, ""):
            query = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            first = node.body[0]
            lines[first.lineno - 1 : first.end_lineno] = [None] * (
                (first.end_lineno or first.lineno) - first.lineno + 1
            )
            if len(query.split()) in _WORDS and "test" not in path:
                found.setdefault(query, set()).add((path, name))
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join(line for line in lines if line is not None), "utf-8")
    asked = [
        Asked(query, frozenset(names), frozenset(path for path, _ in names))
        for query, names in sorted(found.items())
        if len(names) <= 3  # what more functions say asks for none of them
    ]
    random.Random(SEED).shuffle(asked)  # noqa: S311
    return asked[:count]


def _documented(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
    """Functions whose docstring stands on lines of its own and can go."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | _Function):
            name = f"{prefix}{child.name}"
            if isinstance(child, _Function) and _can_go(child):
                yield name, child
            yield from _documented(child, f"{name}.")
        elif not isinstance(child, ast.expr):
            yield from _documented(child, prefix)


def _can_go(node: _Function) -> bool:
    if len(node.body) < 2 or ast.get_docstring(node) is None:
        return False
    first, second = node.body[:2]
    return first.lineno > node.lineno and second.lineno > (first.end_lineno or first.lineno)
