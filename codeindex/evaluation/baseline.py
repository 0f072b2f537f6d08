"""Baseline: a saved report, which a later one is held against, question by question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeindex.errors import UsageError
from codeindex.evaluation.comparison import Comparison, compared
from codeindex.evaluation.labels.lines import text_of
from codeindex.evaluation.measuring import in_order
from codeindex.evaluation.report import FORMAT, Report
from codeindex.files import write_whole


def save(path: Path, report: Report) -> None:
    """Writes a report, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_whole(path, json.dumps(report.to_save(), indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def read_baseline(path: Path) -> Mapping[str, Any]:
    """A report that was saved.

    Raises:
        NotFoundError, UsageError: it is not there, or no such file.
    """
    try:
        value = json.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no valid JSON: {error}; {_MAKE}") from None
    if not isinstance(value, dict) or not {"format", "systems", "questions"} <= set(value):
        raise UsageError(f"{path}: not a result of codeindex eval; {_MAKE}")
    if value["format"] != FORMAT:
        raise UsageError(f"{path}: of format {value['format']!r}, not {FORMAT}; {_MAKE}")
    return value


_MAKE = "make one with: codeindex eval --save FILE"


def since_baseline(path: Path, baseline: Mapping[str, Any], report: Report) -> Comparison:
    """The first system now, beside the first system of the baseline.

    Raises:
        UsageError: other questions were asked, or in another way; the message says which.
    """
    try:
        then, fingerprint = dict(baseline["asking"]), baseline["questions"]["fingerprint"]
        rows = baseline["systems"][0]["per_query"]
        ids, name = set(rows), str(baseline["systems"][0]["name"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: its field {error} is missing or wrong; {_MAKE}") from None
    questions = report.questions
    for key, value in report.asking.as_json().items():
        if then.get(key) != value:
            raise UsageError(
                f"{path}: has {key} {then.get(key)}, not {value}; they cannot be compared"
            )
    asked = {question.id for question in questions.asked}
    if fingerprint != questions.fingerprint():
        raise UsageError(
            f"{path}: other questions were asked: {len(asked - ids):,} of now {len(asked):,} are"
            f" new, {len(ids - asked):,} of then {len(ids):,} are gone, or texts or judgements"
            " changed. Results compare on the same questions only: keep them in a file"
            f" (--queries), or {_MAKE}"
        )
    try:
        before = in_order(questions, rows)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: the values of its questions are not whole ({error})") from None
    first = report.systems[0]
    return compared(f"baseline ({name})", before, first.name, first.values)
