"""A text of several sentences → the function that it describes: ways to put the sentences together.

Asked are the docstrings of packages that have at least three sentences of prose; what is searched
holds no docstring.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import mean

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.questions.loader import packages
from benchmarks.questions.sources import unpacked
from codeindex import Index
from codeindex.evaluation.temporary import temporary_index
from codeindex.filters import Filter
from codeindex.paper_text import askable
from codeindex.ranking.options import SearchOptions
from codeindex.searching import SearchResult
from codeindex.snippet import Snippet
from codeindex.together import By, Group, grouped

_PACKAGES = ("networkx", "click", "prompt_toolkit")
_ASKED = 150  # docstrings of each package
_DEPTH = 30
_LEAST_SENTENCES, _LEAST_CHARS = 3, 150
_SECTION = re.compile(
    r"\n\s*(?:Parameters|Args|Arguments|Returns|Yields|Examples?|References|Notes|See Also|Raises)"
    r"\b.*|>>>.*|:param.*",
    re.DOTALL,
)

Place = tuple[str, str]
"""Path and name."""


def measure(settings: Settings) -> list[Measure]:
    """Mean reciprocal rank of the function, by each way."""
    ranks: dict[str, list[float]] = {}
    known = {package.name: package for package in packages()}
    for name in _PACKAGES[: 1 if settings.quick else None]:
        for way, found in _of_package(unpacked(known[name], settings.cache), settings.quick):
            ranks.setdefault(way, []).append(found)
    count = len(next(iter(ranks.values())))
    detail = f"{count} docstrings of {', '.join(_PACKAGES)}"
    return [
        Measure(f"A text of several sentences, {way}", mean(found), "MRR", detail=detail)
        for way, found in ranks.items()
    ]


def _of_package(tree: Path, quick: bool) -> Iterator[tuple[str, float]]:
    options = SearchOptions(per_file=0)
    with (
        tempfile.TemporaryDirectory() as scratch,
        Index.open(tree, index=scratch, create=True) as index,
    ):
        index.update()
        asked = [each for each in index.snippets() if each.kind in ("function", "method")]
        asked = [each for each in asked if _is_long(each)]
        Random(1).shuffle(asked)  # noqa: S311
        with temporary_index(index, without_docstrings=True) as bare:
            for snippet in asked[: 10 if quick else _ASKED]:
                text = _prose(snippet)
                (whole,) = bare.search_many([text], _DEPTH, Filter(), options)
                answers = bare.search_many(askable(text), _DEPTH, Filter(), options)
                groups = grouped(answers, By.FUNCTION, _DEPTH * len(answers))
                wanted = snippet.path, snippet.name
                yield "as one query", _reciprocal(wanted, map(_place, whole))
                yield "sentences together", _reciprocal(wanted, _places(groups))
                best = sorted(groups, key=lambda group: -group.evidence[0].weight)
                yield "the best sentence alone", _reciprocal(wanted, _places(best))


def _is_long(snippet: Snippet) -> bool:
    text = _prose(snippet)
    return len(text) >= _LEAST_CHARS and len(askable(text)) >= _LEAST_SENTENCES


def _prose(snippet: Snippet) -> str:
    return _SECTION.sub("", snippet.docstring)


def _place(result: SearchResult) -> Place:
    return result.snippet.path, result.snippet.name


def _places(groups: Sequence[Group]) -> Iterator[Place]:
    return (_place(group.results[0]) for group in groups)


def _reciprocal(wanted: Place, found: Iterator[Place]) -> float:
    return next((1 / rank for rank, place in enumerate(found, 1) if place == wanted), 0.0)


BENCHMARK = Benchmark("paper", "sentences of a text together, or the text as one query", measure)
