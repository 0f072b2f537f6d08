"""The ranking's table of the README, made from results/details/ranking.json."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.frame.results import FOLDER

_COLUMNS = {
    "docstring_function": "docstring → function",
    "question_file": "question → file",
}
_SHOWN = (
    "hybrid, all signals",
    "dense, all signals",
    "lexical, all signals",
    "hybrid, no signals",
    "reciprocal ranks, no signals",
    "dense, no signals",
    "lexical, no signals",
)


def markdown() -> str:
    """What each part of the ranking earns where it was fitted, NDCG@10."""
    path = FOLDER / "details" / "ranking.json"
    if not path.is_file():
        return "No results yet: run `python -m benchmarks.ranking`."
    facts = json.loads(path.read_text("utf-8"))
    found = facts["ndcg@10"]
    whole = found["hybrid, all signals"]
    earning = [
        name
        for name in found
        if name.startswith("without ") and any(_differs(found[name], whole, c) for c in _COLUMNS)
    ]
    lines = [f"| | {' | '.join(_COLUMNS.values())} |", "|---|---|---|"]
    lines += [_row(name, found[name]) for name in (*_SHOWN, *earning)]
    return "\n".join(lines)


def _differs(one: dict[str, float], other: dict[str, float], column: str) -> bool:
    return abs(one[column] - other[column]) >= 0.0005


def _row(name: str, values: dict[str, Any]) -> str:
    return f"| {name} | " + " | ".join(f"{values[column]:.3f}" for column in _COLUMNS) + " |"
