"""What ``--queries`` and ``--qrels`` name → questions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeindex.errors import UsageError
from codeindex.evaluation.labels.lines import Line, lines_of
from codeindex.evaluation.labels.qrels import read_qrels
from codeindex.evaluation.labels.topics import read_topics
from codeindex.evaluation.questions import Question, Questions

_EXPECTED = '{"query": "…", "relevant": ["path", "path:name" or "path#L10-L20", …]}'


def read_labels(queries: Path, qrels: Path | None = None) -> Questions:
    """Reads questions and what answers them.

    Args:
        queries: a BEIR folder (``queries.jsonl`` and ``qrels/*.tsv``; its corpus is not read,
            the index is the corpus); or queries judged in `qrels`, see `read_topics`; or
            without those, JSON lines with ``query`` and ``relevant``: a list of targets, or an
            object target → grade; ``id`` if it likes.
        qrels: see `read_qrels`.

    Raises:
        NotFoundError, UsageError: a file is not there, or not what it should be; the message
            names file and line.
    """
    source = str(queries)
    if queries.is_dir():
        return _joined(source, queries / "queries.jsonl", qrels or _split_of(queries))
    if qrels is not None:
        return _joined(source, queries, qrels)
    return _json_lines(source, queries)


def _split_of(folder: Path) -> Path:
    splits = sorted((folder / "qrels").glob("*.tsv"))
    test = folder / "qrels" / "test.tsv"
    if test in splits or len(splits) == 1:
        return test if test in splits else splits[0]
    if not splits:
        raise UsageError(f"{folder}: has no qrels/*.tsv; name the judgements with --qrels")
    names = ", ".join(split.name for split in splits)
    raise UsageError(f"{folder / 'qrels'}: has {names}; name one of them with --qrels")


def _joined(source: str, queries: Path, qrels: Path) -> Questions:
    texts = read_topics(queries)
    relevant: dict[str, dict[str, int]] = {}
    for judgement in read_qrels(qrels):
        if judgement.query not in texts:
            judgement.line.wrong(f"judges query {judgement.query!r}, which is not in {queries}")
        grades = relevant.setdefault(judgement.query, {})
        if judgement.grade > 0:
            grades[judgement.target] = max(judgement.grade, grades.get(judgement.target, 0))
    # Queries without a line of their own belong to other splits.
    asked = [
        Question(name, text, relevant[name]) for name, text in texts.items() if relevant.get(name)
    ]
    nothing = sum(not grades for grades in relevant.values())
    return _questions(source, asked, nothing)


def _json_lines(source: str, path: Path) -> Questions:
    asked: dict[str, Question] = {}
    nothing = 0
    for place, line in enumerate(lines_of(path), 1):
        row = line.json_object(_EXPECTED)
        if "query" not in row or "relevant" not in row:
            line.wrong(f'"query" or "relevant" is missing; expected {_EXPECTED}')
        name = str(row.get("id", place))
        if name in asked:
            line.wrong(f"a second query with the id {name!r}")
        text, grades = line.query(row["query"]), _grades(line, row["relevant"])
        if grades:
            asked[name] = Question(name, text, grades)
        else:
            nothing += 1
    return _questions(source, list(asked.values()), nothing)


def _grades(line: Line, value: Any) -> Mapping[str, int]:
    if isinstance(value, list):
        value = dict.fromkeys(value, 1) if all(isinstance(it, str) for it in value) else None
    if not isinstance(value, dict) or not all(type(grade) is int for grade in value.values()):
        line.wrong(
            f'"relevant" is a list of targets, or an object target → grade; not {_short(value)}'
        )
    if not all(target.strip() for target in value):
        line.wrong("a target is empty")
    return {target: grade for target, grade in value.items() if grade > 0}


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]


def _questions(source: str, asked: list[Question], nothing: int) -> Questions:
    if not asked:
        raise UsageError(f"{source}: no query has a relevant target")
    left_out = {"nothing is relevant to it": nothing} if nothing else {}
    return Questions(source, asked, len(asked), left_out)
