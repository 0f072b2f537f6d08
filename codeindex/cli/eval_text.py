"""What ``codeindex eval`` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from codeindex.evaluation import history
from codeindex.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from codeindex.evaluation.comparison import Comparison, Difference
    from codeindex.evaluation.questions import Questions
    from codeindex.evaluation.report import Report

_NAMED = 3  # targets that are not in the index
_WIDTH = 12  # of the metrics' names


def report_lines(report: Report) -> Iterator[str]:
    """What was asked, the table of metrics, and what to know about it."""
    questions, systems = report.questions, report.systems
    yield (
        f"{questions.source}: {_asked(questions, report.seed)}; {systems[0].pool:,}"
        f" {report.asking.level.value}s to choose from, {report.asking.depth:,} answers looked at"
    )
    if questions.left_out:
        counts = (f"{number:,} {reason}" for reason, number in questions.left_out.items())
        yield f"left out: {', '.join(counts)}"
    yield ""
    width = max(22, *(len(system.name) + 2 for system in systems))
    yield " " * _WIDTH + "".join(system.name.ljust(width) for system in systems).rstrip()
    for metric in METRICS:
        cells = []
        for system in systems:
            low, high = system.interval(metric)
            cells.append(f"{system.mean(metric):.3f} [{low:.3f}, {high:.3f}]".ljust(width))
        yield metric.ljust(_WIDTH) + "".join(cells).rstrip()
    for system in systems:
        if system.unknown:
            yield ""
            yield (
                f"{system.name}: {len(system.unknown):,} of {system.targets:,} judged targets are"
                f" not in the index and count as missed: {_some(system.unknown)}"
            )
    for comparison in report.comparisons():
        yield from comparison_lines(comparison)


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """What one system is better or worse by."""
    yield ""
    yield f"{comparison.other} against {comparison.first}:"
    for metric, difference in comparison.differences.items():
        yield f"{metric.ljust(_WIDTH)}{difference_text(difference)}"


def difference_text(difference: Difference) -> str:
    """The difference, its interval, and what that means."""
    verdict = "not significant"
    if difference.significant:
        verdict = "significantly better" if difference.value > 0 else "significantly worse"
    return (
        f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
        f"  p = {difference.p_value:.4f}  {verdict}"
    )


def _asked(questions: Questions, seed: int) -> str:
    number = len(questions.asked)
    asked = f"{number:,} question{'' if number == 1 else 's'}"
    if questions.source == history.SOURCE:
        commits = f"{questions.possible:,} commit{'' if questions.possible == 1 else 's'}"
        return f"{asked} of {commits} (seed {seed})"
    if number == questions.possible:
        return asked
    return f"{asked}, drawn from {questions.possible:,} (seed {seed})"


def _some(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
