"""The table of the README, made from the result files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

START, END = "<!-- benchmarks:start -->", "<!-- benchmarks:end -->"


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A row for each measure, and what it was measured on."""
    if not results:
        return "No results yet: run `make bench`."
    lines = ["| | measured | goal | |", "|---|---|---|---|"]
    lines += [_row(measure) for result in results for measure in result["measures"]]
    machines = sorted({_machine(result) for result in results})
    return "\n".join([*lines, "", *(f"Measured on {machine}." for machine in machines)])


def put_into(text: str, table: str) -> str:
    """`text` with the table between its two marks.

    Raises:
        ValueError: the marks are not there.
    """
    pattern = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no {START} … {END}")
    return pattern.sub(lambda _: f"{START}\n{table}\n{END}", text, count=1)


def write_into(path: Path, table: str) -> bool:
    """Puts the table into a file; whether that changed it."""
    before = path.read_text("utf-8")
    after = put_into(before, table)
    path.write_text(after, "utf-8")
    return after != before


def _row(measure: dict[str, Any]) -> str:
    goal = goal_of(measure["goal"], measure["unit"], at_least=measure.get("at_least", False))
    mark = {True: "✓", False: "missed", None: ""}[measure["met"]]
    value = amount(measure["value"], measure["unit"])
    detail = f" ({measure['detail']})" if measure["detail"] else ""
    return f"| {measure['name']} | **{value}**{detail} | {goal} | {mark} |"


def goal_of(goal: float | None, unit: str, *, at_least: bool) -> str:
    """``≤ 150 ms``, ``≥ 1.30×``, or nothing."""
    if goal is None:
        return ""
    return f"{'≥' if at_least else '≤'} {amount(goal, unit)}"


def amount(value: float, unit: str) -> str:
    """``0.35×``, ``312 ms``, ``5 %``."""
    if unit == "×":
        return f"{value:.2f}×"
    digits = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{digits} {unit}"


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB,"
        f" {machine['system']}, Python {machine['python']}"
    )
