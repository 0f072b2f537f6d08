"""CoSQA's functions as an index holds functions, and its web queries asked of it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.frame.functions import Pairs
from benchmarks.quality.judging import Answers, judged
from codeindex import Index
from codeindex.encoding import make_encoder
from codeindex.errors import ExtractionError
from codeindex.extraction import text_digest
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.new_index import Block, NewIndex, row_of
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions
from codeindex.recipes import SOURCE_TEXTS
from codeindex.snippet import Snippet, SourceFile
from codeindex_python.extractor import PythonExtractor

_NAME = re.compile(r"def\s+(\w+)")
_DOCSTRING = re.compile(r"(\"{3}|'{3})(.*?)\1", re.DOTALL)
_KINDS = {"function", "method"}
_CHUNK = 1500
_DEPTH = 1000
"""Answers that are ranked: what stands further down adds less than 0.001 to a query's MRR."""


def snippets(functions: Sequence[str]) -> list[Snippet]:
    """Each function as the extractor gives it; by pattern where it is Python 2.

    All stand under one path, as the data set names none; ``extra`` has the row.
    """
    return [replace(_snippet(text), extra={"row": row}) for row, text in enumerate(functions)]


def _snippet(text: str) -> Snippet:
    try:
        for found in PythonExtractor().extract(SourceFile("functions.py", "python", text)):
            if found.kind in _KINDS:
                return found
    except ExtractionError:
        pass
    name, docstring = _NAME.search(text), _DOCSTRING.search(text)
    return Snippet(
        "functions.py",
        "python",
        "function",
        name[1] if name else "",
        1,
        text.count("\n") + 1,
        text,
        docstring[2].strip() if docstring else "",
    )


def measured(asked: Pairs, encoder: str) -> dict[str, Answers]:
    """Mode → the answers, ranked over all functions; no limit to those of their one file."""
    found = snippets(asked.corpus)
    relevant = [[str(row) for row in rows] for rows in asked.relevant]
    with tempfile.TemporaryDirectory() as scratch:
        place = _index(found, encoder, Path(scratch) / "index")
        with Index.open(index=place) as index:
            answers = {}
            for mode in Mode:
                results = index.search_many(
                    asked.queries, _DEPTH, options=SearchOptions(mode, per_file=0)
                )
                ranked = [[str(one.snippet.extra["row"]) for one in its] for its in results]
                answers[mode.value] = judged(relevant, ranked)
    return answers


def _index(found: Sequence[Snippet], encoder: str, folder: Path) -> Path:
    host = Host.load()
    made = make_encoder(host, encoder, {})
    new = NewIndex(folder, host, encoder, {}, None, {})
    texts = {"recipe": SOURCE_TEXTS.name, "input": "CoSQA"}
    return new.build(made, folder.parent, texts, _blocks(found, made))


def _blocks(found: Sequence[Snippet], encoder: Encoder) -> Iterator[Block]:
    for start in range(0, len(found), _CHUNK):
        part = found[start : start + _CHUNK]
        texts = [SOURCE_TEXTS.of(snippet) for snippet in part]
        rows = [
            row_of(snippet, start + at, text, text_digest(text), "benchmark")
            for at, (snippet, text) in enumerate(zip(part, texts, strict=True))
        ]
        yield rows, SOURCE_TEXTS.encode(encoder, texts)
