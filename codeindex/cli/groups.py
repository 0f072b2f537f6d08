"""Groups as lines: functions, files or papers, with the sentences that found them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.hits import dimmed, heading, placed, print_snippet
from codeindex.cli.session import colours
from codeindex.together import By, search_together

if TYPE_CHECKING:
    from codeindex.cli.asked import Opened
    from codeindex.filters import Filter
    from codeindex.ranking.options import SearchOptions
    from codeindex.similar.grouping import SimilarGroup
    from codeindex.together import Evidence, Group

_EVIDENCE = 3
_SENTENCE_CHARS = 88


def answer_groups(
    opened: Opened,
    queries: Sequence[str],
    where: Filter,
    options: SearchOptions,
    **given: Any,
) -> bool:
    """Searches for all `queries` together and prints what is found; whether there is anything."""
    by = By(given["by"])
    groups = search_together(opened, queries, given["top_k"], where, options, by)
    if given["as_json"]:
        for group in groups:
            click.echo(json.dumps(group.as_json(queries)))
    else:
        print_groups(groups, queries, by, given["lines"])
    return bool(groups)


def print_groups(groups: Sequence[Group], queries: Sequence[str], by: By, lines: int) -> None:
    """Prints groups of a search, each with its weightiest evidence.

    Args:
        queries: what was asked, in the order of the evidence's numbers.
        lines: of code of the best result, at most.
    """
    coloured = colours(sys.stdout.isatty())
    for group in groups:
        best = group.results[0]
        amount = f"{group.score:.3f}"
        if by is By.FUNCTION:
            click.echo(heading(group.rank, amount, best.snippet, best.index, coloured))
        else:
            whose = f"[{best.index}] " if best.index and by is By.FILE else ""
            click.echo(_title(group.rank, amount, whose, group.title, coloured))
        for evidence in group.evidence[:_EVIDENCE] if len(queries) > 1 else ():
            click.echo(_evidence_line(evidence, queries, by, coloured))
        further = len(group.evidence) - _EVIDENCE
        if len(queries) > 1 and further > 0:
            click.echo(f"          {dimmed(f'and {further} more', coloured)}")
        if by is By.FUNCTION:
            print_snippet(best.snippet, lines, coloured)
        elif len(queries) == 1:
            for result in group.results:
                place = f"{placed(result.snippet, coloured)}  {result.snippet.name}"
                click.echo(f"          {result.confidence:>4.0%}  {place}")
        click.echo()


def print_similar_groups(groups: Sequence[SimilarGroup]) -> None:
    """Prints files or papers that have something similar."""
    coloured = colours(sys.stdout.isatty())
    for group in groups:
        click.echo(_title(group.rank, f"{group.score:.3f}", "", group.title, coloured))
        if group.sentence:
            said = f"{group.sentence_score:.3f}  says: {_cut(group.sentence)}"
            click.echo(f"          {dimmed(said, coloured)}")
        for result in group.results:
            copy = "  copy" if result.is_copy else ""
            place = f"{placed(result.snippet, coloured)}  {result.snippet.name}{copy}"
            click.echo(f"          {result.score:.3f}  {place}")
        click.echo()


def _title(rank: int, amount: str, whose: str, title: str, coloured: bool) -> str:
    return f"{rank:>2}  {amount}  {whose}{click.style(title, bold=True) if coloured else title}"


def _evidence_line(evidence: Evidence, queries: Sequence[str], by: By, coloured: bool) -> str:
    result, number = evidence.result, evidence.query
    what = "" if by is By.FUNCTION else f"{result.snippet.name} ← "
    said = dimmed(f"{number + 1}: {_cut(queries[number])}", coloured)
    return f"          {evidence.weight:>4.0%}  {what}{said}"


def _cut(sentence: str) -> str:
    if len(sentence) <= _SENTENCE_CHARS:
        return sentence
    return sentence[: _SENTENCE_CHARS - 1].rstrip() + "…"
