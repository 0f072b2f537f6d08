"""``codeindex search``: finds code by meaning and prints the hits."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import encoder_options, index_option, json_option
from codeindex.cli.reading import open_to_read, store_options
from codeindex.cli.session import Session, colours, pass_session

if TYPE_CHECKING:
    from codeindex.index import Index
    from codeindex.searching import SearchResult


@click.command(epilog="Example: codeindex search 'retry with exponential backoff' --kind function")
@click.argument("query")
@index_option
@click.option(
    "--top-k", "-k", type=click.IntRange(min=1), default=10, show_default=True, help="Most hits."
)
@click.option(
    "--path", multiple=True, metavar="GLOB", help="Only these files or folders. May be repeated."
)
@click.option("--language", multiple=True, metavar="NAME", help="Only this language.")
@click.option("--kind", multiple=True, metavar="NAME", help="Only function, method, class, ….")
@click.option(
    "--lines",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Lines of code shown for a hit; 0 for none.",
)
@encoder_options
@store_options
@json_option
@pass_session
def search(session: Session, /, **given: Any) -> None:
    """Find the code nearest in meaning to QUERY, best first.

    The index is looked for from the current folder upwards; or --backend and -B say where
    another machine keeps one. Exits with 1 if nothing is found.
    """
    from codeindex.index import Index
    from codeindex.searching import checked_query

    checked_query(given["query"])  # before the index is even looked for
    with open_to_read(session, **given) as opened:
        results = opened.search(
            given["query"],
            given["top_k"],
            paths=given["path"],
            languages=given["language"],
            kinds=given["kind"],
        )
        hint = "" if results else _hint(opened.status(), given["kind"], given["language"])
        if isinstance(opened, Index):
            if not results and given["path"] and not _any_file(opened, given["path"]):
                hint += "; no file in the index matches --path"
            if opened.unfinished():
                session.say("note: the index is not complete; codeindex status says more")
    if given["as_json"]:
        for result in results:
            click.echo(json.dumps(result.as_json()))
    else:
        _print(results, given["lines"])
    if not results:
        session.say(f"nothing found{hint}")
        click.get_current_context().exit(1)


def _any_file(opened: Index, paths: Sequence[str]) -> bool:
    """Whether there is a file that the globs match."""
    from codeindex.filters import Filter

    return next(opened.snippets(Filter(paths=tuple(paths))), None) is not None


def _hint(facts: Mapping[str, Any], kinds: Sequence[str], languages: Sequence[str]) -> str:
    """Which kinds and languages there are, where one was asked for that is not there."""
    hint = ""
    for name, asked in (("kinds", kinds), ("languages", languages)):
        if name in facts and set(asked) - set(facts[name]):
            hint += f"; {name} in the index: {', '.join(facts[name]) or 'none'}"
    return hint


def _print(results: Sequence[SearchResult], lines: int) -> None:
    terminal = sys.stdout.isatty()
    coloured = colours(terminal)
    for result in results:
        snippet = result.snippet
        place = f"{snippet.path}:{snippet.start_line}-{snippet.end_line}"
        if coloured:
            place = click.style(place, fg="cyan")
        name = click.style(snippet.name, bold=True) if coloured else snippet.name
        click.echo(f"{result.rank:>2}  {result.score:.3f}  {place}  {name}  ({snippet.kind})")
        for number, line in _shown(snippet.code, snippet.language, lines, coloured):
            click.echo(f"      {snippet.start_line + number:>5}  {line}")
        if lines:
            click.echo()


def _shown(code: str, language: str, limit: int, coloured: bool) -> list[tuple[int, str]]:
    shown = code.split("\n")[:limit]
    text = "\n".join(shown)
    if coloured and text:
        text = _highlighted(text, language)
    return list(enumerate(text.split("\n"))) if limit else []


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
