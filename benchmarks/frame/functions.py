"""Real functions: of the standard library and Django, as codeindex embeds them."""

from __future__ import annotations

import ast
import json
import random
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Settings
from codeindex.errors import ExtractionError
from codeindex.snippet import Snippet, SourceFile
from codeindex.texts import embedding_text
from codeindex_python.extractor import PythonExtractor

SEED = 20
_FUNCTIONS = {"function", "method"}
_WORDS = range(4, 60)
"""Words of a docstring's first paragraph that asks for something that can be found."""


@dataclass(frozen=True)
class Pairs:
    """Queries, and the functions that they ask for.

    Attributes:
        relevant: of each query the rows of `corpus` that answer it.
    """

    queries: list[str]
    corpus: list[str]
    relevant: list[list[int]]


def function_texts(settings: Settings, count: int) -> list[str]:
    """What codeindex embeds of `count` functions and methods, drawn by a fixed seed."""
    texts = sorted({embedding_text(snippet) for snippet in _functions(settings)})
    random.Random(SEED).shuffle(texts)  # noqa: S311
    return texts[:count]


def docstring_pairs(settings: Settings, count: int) -> Pairs:
    """First paragraphs of docstrings, and what codeindex embeds of their functions without them.

    `count` of them, drawn by a fixed seed; no text stands twice.
    """
    found: dict[str, str] = {}
    for snippet in _functions(settings):
        query = " ".join(snippet.docstring.strip().split("\n\n")[0].split())
        bare = _without_docstring(snippet)
        if bare is not None and len(query.split()) in _WORDS and query not in found:
            found[query] = embedding_text(bare)
    by_text = {text: query for query, text in found.items()}
    pairs = sorted((query, text) for text, query in by_text.items())
    random.Random(SEED).shuffle(pairs)  # noqa: S311
    del pairs[count:]
    return Pairs(
        [query for query, _ in pairs], [text for _, text in pairs], [[n] for n in range(len(pairs))]
    )


def cosqa(folder: Path) -> Pairs:
    """The dev queries of CoSQA (Huang et al., ACL 2021), from a folder in BEIR's format."""
    texts = _texts(folder / "corpus.jsonl")
    asked = _texts(folder / "queries-dev.jsonl")
    places = {name: place for place, name in enumerate(texts)}
    relevant: dict[str, list[int]] = {}
    for line in (folder / "qrels-dev.tsv").read_text("utf-8").splitlines()[1:]:
        query, found, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, []).append(places[found])
    return Pairs(
        [asked[query] for query in relevant], list(texts.values()), list(relevant.values())
    )


def _texts(path: Path) -> dict[str, str]:
    rows = map(json.loads, path.read_text("utf-8").splitlines())
    return {row["_id"]: row["text"] for row in rows}


def _functions(settings: Settings) -> Iterator[Snippet]:
    trees = (
        corpora.stdlib(settings.cache, quick=settings.quick),
        corpora.django(settings.cache, quick=settings.quick),
    )
    for tree in trees:
        for path in sorted(tree.rglob("*.py")):
            for snippet in _snippets(path, tree):
                if snippet.kind in _FUNCTIONS:
                    yield snippet


def _snippets(path: Path, tree: Path) -> list[Snippet]:
    try:
        text = path.read_text("utf-8")
        source = SourceFile(path.relative_to(tree).as_posix(), "python", text)
        return list(PythonExtractor().extract(source))
    except (ExtractionError, UnicodeDecodeError):
        return []  # a few files of the standard library are wrong on purpose


def _without_docstring(snippet: Snippet) -> Snippet | None:
    """The function without the lines of its docstring; None where nothing else is in it."""
    try:
        (node,) = ast.parse(textwrap.dedent(snippet.code)).body
    except (SyntaxError, ValueError):
        return None  # a text within it stands further left than its code
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or len(node.body) < 2:
        return None
    lines = snippet.code.split("\n")
    docstring = node.body[0]
    del lines[docstring.lineno - 1 : docstring.end_lineno]
    return replace(snippet, docstring="", code="\n".join(lines))
