"""What the weights are fitted on: docstrings and questions of packages, and what has no answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.questions import loader
from benchmarks.ranking.asking import Case, cases
from benchmarks.ranking.stripped import Asked, stripped

DOCUMENTED = (
    *("aiohttp", "celery", "click", "kombu", "luigi"),
    *("pydantic", "scrapy", "sphinx", "sqlalchemy", "werkzeug"),
)
"""Packages of the worked example's training set whose docstrings are asked for."""
_DOCSTRINGS = 150
_FOREIGN = 30
_CANDIDATES = 100
_ELSEWHERE = (
    "slow cooker recipe with beef and carrots",
    "how to train a puppy not to bite",
    "cheap flights from Berlin to Lisbon in May",
    "best strategy for the endgame in chess",
    "rules of offside in football",
    "interest rate of a mortgage",
)
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Data:
    """Cases by what they are.

    Attributes:
        documented: a docstring asks for its function, which no longer has it.
        asked: questions about packages, with the files that answer them.
        unanswerable: questions about other packages, about no code, and in no language.
    """

    documented: list[Case]
    asked: list[Case]
    unanswerable: list[Case]


def collected(cache: Path, told: Callable[[str], None]) -> Data:
    """Asks everything; indexes are made in ``cache/ranking`` unless they are there.

    Only questions of the split ``fit`` are looked at.
    """
    folder = cache / "ranking"
    documented = []
    for package in DOCUMENTED:
        told(package)
        tree = folder / "trees" / package
        source = cache / "worked" / "packages" / package / package
        asked = stripped(source, tree, _DOCSTRINGS)
        index = folder / "documented" / package
        documented += cases(package, tree, index, asked, _CANDIDATES)
    trees = loader.fetch(cache)
    by_package: dict[str, list[loader.Question]] = {}
    for question in loader.questions("fit"):
        by_package.setdefault(question.package, []).append(question)
    questions, unanswerable = [], []
    for package, own in sorted(by_package.items()):
        told(package)
        index = folder / "asked" / package
        asked = [Asked(one.query, frozenset(), frozenset(one.files)) for one in own]
        questions += cases(package, trees[package], index, asked, _CANDIDATES)
        others = [
            one.query for name in sorted(by_package) if name != package for one in by_package[name]
        ]
        foreign = random.Random(package).sample(others, _FOREIGN)  # noqa: S311
        none = [Asked(text, frozenset(), _NOTHING) for text in (*foreign, *_ELSEWHERE, *_made_up())]
        unanswerable += cases(package, trees[package], index, none, _CANDIDATES)
    return Data(documented, questions, unanswerable)


def _made_up(count: int = 6) -> list[str]:
    """Words that nobody has ever said."""
    chosen = random.Random(7)  # noqa: S311
    return [
        " ".join(
            "".join(chosen.choice(("bcdfgjklmnprstvxz", "aeiou")[at % 2]) for at in range(7))
            for _ in range(2)
        )
        for _ in range(count)
    ]
