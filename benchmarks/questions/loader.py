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
    """The questions of a split, or all of them, file by file.

    Raises:
        ValueError: as :func:`read`.
    """
    asked = [question for path in sorted(DATA.glob("questions_*.jsonl")) for question in read(path)]
    return [question for question in asked if split in (None, question.split)]


def read(path: Path) -> list[Question]:
    """The questions of one file: JSON objects with the attributes of a question, one a line.

    Raises:
        ValueError: a line is not a question; the message has the file and the line's number.
    """
    lines = path.read_text("utf-8").splitlines()
    return [_question(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _question(line: str, place: str) -> Question:
    try:
        row = json.loads(line)
        question = Question(**{**row, "files": tuple(row["files"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{place} is not a question: {error!r}") from error
    if question.split not in get_args(Split):
        raise ValueError(f"{place}: split {question.split!r} is none of {get_args(Split)}")
    return question
