"""The table of the README, made from the result files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A row for each measure, and what it was measured on."""
    if not results:
        return "No results yet: run `make bench`."
    lines = ["| | measured | goal | |", "|---|---|---|---|"]
    lines += [_row(measure) for result in results for measure in result["measures"]]
    machines = sorted({_machine(result) for result in results})
    return "\n".join([*lines, "", *(f"Measured on {machine}." for machine in machines)])


def put_into(text: str, part: str, name: str = "benchmarks") -> str:
    """`text` with `part` between the two marks of that name.

    Raises:
        ValueError: the marks are not there.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no {start} … {end}")
    return pattern.sub(lambda _: f"{start}\n{part}\n{end}", text, count=1)


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
    return f"{digits} {unit}".rstrip()


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB,"
        f" {machine['system']}, Python {machine['python']}"
    )
