"""``codeindex similar``: what is most like the code at a place in a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import encoder_options, index_option, json_option
from codeindex.cli.reading import open_to_read, store_options
from codeindex.cli.session import Session, colours, pass_session

if TYPE_CHECKING:
    from codeindex.similar.nearest import Similar, SimilarResult
    from codeindex.similar.subject import Subject


@click.command(epilog="Example: codeindex similar src/dates.py:12 --top-k 5")
@click.argument("place", metavar="FILE[:LINE|:NAME]")
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
    "--by",
    type=click.Choice(["function", "file", "paper"]),
    default="function",
    show_default=True,
    help="What to find; papers in an index of papers' code.",
)
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
def similar(session: Session, /, **given: Any) -> None:
    """Find the code that is most like what stands at a line of FILE, or has a name in it.

    A line means the innermost function or class around it; FILE alone, the file as a whole. It
    need not be in the index, nor as it was when it was indexed. The number before a hit is the
    cosine of both; near-identical code is marked as a copy. Exits with 1 if nothing is found.
    """
    from codeindex.similar.grouping import FURTHER, similar_groups
    from codeindex.together import By

    by = By(given["by"])
    top_k = given["top_k"]
    with open_to_read(session, **given) as opened:
        found = opened.similar(
            given["place"],
            top_k if by is By.FUNCTION else FURTHER * top_k,
            paths=given["path"],
            languages=tuple(map(str.lower, given["language"])),
            kinds=given["kind"],
        )
        grouped = by is not By.FUNCTION
        groups = similar_groups(found, by, top_k, opened.encoder) if grouped else []
    session.say(_about(found.subject))
    answer: Sequence[Any] = groups if grouped else found.results
    if given["as_json"]:
        for one in answer:
            click.echo(json.dumps(one.as_json()))
    elif grouped:
        from codeindex.cli.groups import print_similar_groups

        print_similar_groups(groups)
    else:
        _print(found.results, given["lines"])
    if not answer:
        session.say(f"nothing found{_why(found, by)}")
        click.get_current_context().exit(1)


def _about(subject: Subject) -> str:
    """What others are compared with."""
    first = subject.snippets[0]
    if subject.whole:
        count = len(subject.snippets)
        what = f"{first.path} as a whole ({count} snippet{'s' if count > 1 else ''})"
    else:
        what = f"{first.path}:{first.start_line}-{first.end_line}  {first.name}  ({first.kind})"
    if not subject.fresh:
        return f"like {what}"
    why = "it is not in the index"
    if subject.related:
        why = "the index has it otherwise, it has changed since or was not extracted here"
    return f"like {what}, read now: {why}"


def _why(found: Similar, by: str) -> str:
    if found.results and by == "paper":
        return ": what is similar belongs to no paper; the index is not one of papers' code"
    return "" if found.vector.any() else ": the encoder knows no word of it"


def _print(results: Sequence[SimilarResult], lines: int) -> None:
    from codeindex.cli.hits import heading, print_snippet

    coloured = colours(sys.stdout.isatty())
    for result in results:
        line = heading(result.rank, f"{result.score:.3f}", result.snippet, "", coloured)
        mark = click.style("copy", fg="yellow") if coloured else "copy"
        click.echo(f"{line}  {mark}" if result.is_copy else line)
        print_snippet(result.snippet, lines, coloured)
        if lines:
            click.echo()
