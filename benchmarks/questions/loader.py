"""The questions of ``benchmarks/data``, and the trees that they are asked of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from benchmarks.questions.sources import unpacked
from benchmarks.worked.packages import Package, read_list

DATA = Path(__file__).parents[1] / "data"

Split = Literal["fit", "report"]
"""What a package's questions are for: fitting weights, or the figures that are reported."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a developer asks of a package, and where its answer is implemented.

    Attributes:
        package: name of the distribution.
        query: a sentence, a few keywords or a symbol, in the words of the documentation.
        files: the files that answer it, as POSIX paths within the package's folder; all of
            them answer it alike, every other file does not.
        split: of the package; all questions of one package have the same.
        source: page of the package's source distribution that the words come from.
    """

    package: str
    query: str
    files: tuple[str, ...]
    split: Split
    source: str


def packages() -> list[Package]:
    """The packages that are asked about."""
    return read_list(DATA / "packages.txt")


def fetch(cache: Path) -> dict[str, Path]:
    """The folder of each package's Python files, by its name; fetched unless it is in `cache`.

    Raises:
        SystemExit: a source distribution cannot be had.
    """
    return {package.name: unpacked(package, cache) for package in packages()}


def questions(split: Split | None = None) -> list[Question]:
    """The questions of a split, or all of them, package by package.

    Raises:
        ValueError: a line of the data is not a question; the message has the line.
    """
    lines = [
        (path.name, number, line)
        for path in sorted(DATA.glob("questions_*.jsonl"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
    ]
    asked = [_question(line, f"{name}, line {number}") for name, number, line in lines]
    return [question for question in asked if split in (None, question.split)]


def _question(line: str, place: str) -> Question:
    try:
        row = json.loads(line)
        question = Question(**{**row, "files": tuple(row["files"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{place} is not a question: {error}") from error
    if question.split not in get_args(Split):
        raise ValueError(f"{place}: split {question.split!r} is none of {get_args(Split)}")
    return question
