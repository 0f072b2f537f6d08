"""Hits as lines: place, name and code of what was found."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from codeindex.cli.session import colours
from codeindex.paper_facts import paper_of

if TYPE_CHECKING:
    from codeindex.searching import SearchResult
    from codeindex.snippet import Snippet


def print_results(results: Sequence[SearchResult], lines: int, *, explain: bool = False) -> None:
    """Prints what a search has found.

    Args:
        lines: of code for each, at most.
        explain: says what the place of each is due to.
    """
    coloured = colours(sys.stdout.isatty())
    for result in results:
        amount = f"{result.confidence:>4.0%}"
        click.echo(heading(result.rank, amount, result.snippet, result.index, coloured))
        for line in explained(result) if explain else ():
            click.echo(f"          {dimmed(line, coloured)}")
        print_snippet(result.snippet, lines, coloured)
        if lines or explain:
            click.echo()


def heading(rank: int, amount: str, snippet: Snippet, index: str, coloured: bool) -> str:
    """The first line of a hit: rank, how good it is, place, name and kind.

    Args:
        index: which it is of, where there are several; else empty.
    """
    place = placed(snippet, coloured)
    name = click.style(snippet.name, bold=True) if coloured else snippet.name
    whose = f"[{index}] " if index else ""
    return f"{rank:>2}  {amount}  {whose}{place}  {name}  ({snippet.kind})"


def placed(snippet: Snippet, coloured: bool) -> str:
    """Path and lines, as ``codeindex similar`` takes them."""
    place = f"{snippet.path}:{snippet.start_line}-{snippet.end_line}"
    return click.style(place, fg="cyan") if coloured else place


def print_snippet(snippet: Snippet, lines: int, coloured: bool) -> None:
    """The paper that a snippet is of, if it is of one, and its first lines."""
    paper = paper_of(snippet)
    if paper is not None:
        click.echo(f"          {dimmed(f'paper   {paper.named()}', coloured)}")
    for number, line in _shown(snippet.code, snippet.language, lines, coloured):
        click.echo(f"      {snippet.start_line + number:>5}  {line}")


def dimmed(line: str, coloured: bool) -> str:
    """A line of less weight."""
    return click.style(line, dim=True) if coloured else line


def explained(result: SearchResult) -> list[str]:
    """What a hit's place is due to, as lines: its score as a sum, then what the halves saw."""
    amounts = sorted(result.parts.items(), key=lambda part: (-abs(part[1]), part[0]))
    total = " ".join(f"{amount:+.3f} {name}" for name, amount in amounts).removeprefix("+")
    lines = [f"score   {result.score:.3f} = {total or 0}"]
    if result.cosine is not None:
        lines.append(f"cosine  {result.cosine:.3f}")
    elif "dense" in result.parts:
        lines.append("cosine  not among the nearest")
    if result.words:
        ordered = sorted(result.words.items(), key=lambda word: (-word[1], word[0]))
        lines.append("words   " + "  ".join(f"{word} {amount:.2f}" for word, amount in ordered))
    return lines


def _shown(code: str, language: str, limit: int, coloured: bool) -> Iterator[tuple[int, str]]:
    if not limit:
        return
    text = "\n".join(code.split("\n")[:limit])
    if coloured and text:
        text = _highlighted(text, language)
    yield from enumerate(text.split("\n"))


def _highlighted(code: str, language: str) -> str:
    from pygments import highlight
    from pygments.formatters import TerminalFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return code
    return str(highlight(code, lexer, TerminalFormatter()))
