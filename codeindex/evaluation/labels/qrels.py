"""Judgements: query → target → grade, from TREC qrels or the TSV files of BEIR."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from codeindex.errors import UsageError
from codeindex.evaluation.labels.lines import Line, lines_of

_EXPECTED = (
    "expected 'query 0 target grade' (TREC), or query, target and grade with tabs between (BEIR)"
)


class Judgement(NamedTuple):
    """One line."""

    line: Line
    query: str
    target: str
    grade: int


def read_qrels(path: Path) -> list[Judgement]:
    """All judgements of a file, also those with grade 0 or less.

    A target may have spaces in it. The first line of a BEIR file is its header.

    Raises:
        UsageError: a line is no judgement, or there are none.
    """
    judgements = []
    for line in lines_of(path):
        parts = line.text.split("\t")
        if len(parts) == 3:
            query, target, grade = parts
            if line.number == 1 and not _is_number(grade):
                continue
        else:
            query, target, grade = _trec(line)
        if not _is_number(grade):
            line.wrong(f"the grade {grade.strip()!r} is no whole number; {_EXPECTED}")
        judgements.append(Judgement(line, query.strip(), target.strip(), int(grade)))
    if not judgements:
        raise UsageError(f"{path}: holds no judgement; {_EXPECTED}")
    return judgements


def _trec(line: Line) -> tuple[str, str, str]:
    head = line.text.split(None, 2)
    tail = head[2].rsplit(None, 1) if len(head) == 3 else []
    if len(tail) != 2:
        line.wrong(f"no judgement; {_EXPECTED}")
    return head[0], tail[0], tail[1]


def _is_number(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True
