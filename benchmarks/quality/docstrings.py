"""Docstrings of held-out packages, cut out of their functions, asked of the whole package."""

from __future__ import annotations

from pathlib import Path

from benchmarks.frame.benchmark import Settings
from benchmarks.quality.judging import Answers, judged
from benchmarks.ranking.stripped import stripped
from benchmarks.worked.packages import fetch, read_list
from codeindex import Index
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions

_QUESTIONS = 100
_DEPTH = 100


def measured(settings: Settings, encoder: str, scratch: Path) -> dict[str, Answers]:
    """Mode → the answers to at most a hundred docstrings of each package; no limit to a file."""
    packages = read_list("held_out.txt")[: 2 if settings.quick else None]
    relevant: list[list[str]] = []
    ranked: dict[str, list[list[str]]] = {mode.value: [] for mode in Mode}
    for folder in fetch(packages, settings.cache / "worked"):
        tree = scratch / folder.name
        asked = stripped(folder, tree, _QUESTIONS)
        if not asked:
            continue
        relevant += [[_named(*name) for name in one.names] for one in asked]
        with Index.open(
            tree, index=scratch / "index" / folder.name, create=True, encoder=encoder
        ) as index:
            index.update()
            for mode in Mode:
                options = SearchOptions(mode, per_file=0)
                found = index.search_many([one.query for one in asked], _DEPTH, options=options)
                ranked[mode.value] += [
                    [_named(hit.snippet.path, hit.snippet.name) for hit in hits] for hits in found
                ]
    return {mode: judged(relevant, its) for mode, its in ranked.items()}


def _named(path: str, name: str) -> str:
    return f"{path}:{name}"
