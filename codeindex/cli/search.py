"""``codeindex search``: finds code by meaning and prints the hits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.asked import Opened, indexes_option, open_asked
from codeindex.cli.options import encoder_options, json_option
from codeindex.cli.reading import store_options
from codeindex.cli.reranking import reranker_options, reranking_asked
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex.filters import Filter
    from codeindex.ranking.options import SearchOptions


_UNLIKELY = 0.2
"""Where even the best is less likely than this, it is said."""


@click.command(epilog="Example: codeindex search 'retry with exponential backoff' --kind function")
@click.argument("query", nargs=-1)
@click.option(
    "--paper",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="In place of QUERY: a text, as an abstract; - is standard input.",
)
@click.option(
    "--by",
    type=click.Choice(["function", "file", "paper"]),
    default="function",
    show_default=True,
    help="What to find; papers in an index of papers' code.",
)
@indexes_option
@click.option(
    "--top-k", "-k", type=click.IntRange(min=1), default=10, show_default=True, help="Most hits."
)
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "lexical"]),
    default="hybrid",
    show_default=True,
    help="By meaning and words, by meaning, or by words.",
)
@click.option(
    "--path", multiple=True, metavar="GLOB", help="Only these files or folders. May be repeated."
)
@click.option("--language", multiple=True, metavar="NAME", help="Only this language.")
@click.option("--kind", multiple=True, metavar="NAME", help="Only function, method, class, ….")
@click.option(
    "--per-file",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="Most hits of one file; 0 for all.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Only hits that are this likely what was asked for, 0 to 1.",
)
@click.option("--explain", is_flag=True, help="Show what each hit's place is due to.")
@click.option(
    "--lines",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Lines of code shown for a hit; 0 for none.",
)
@reranker_options
@encoder_options
@store_options
@json_option
@pass_session
def search(session: Session, /, **given: Any) -> None:
    """Find the code that answers QUERY, words or code, best first.

    With --paper, the sentences of a text are searched for, and each hit names those that found
    it. If QUERY is -, queries are read from standard input, one a line, and each is answered by
    one line of JSON at once.

    The percentage before a hit says how likely it is what was asked for. The index is looked
    for from the current folder upwards; or --backend and -B say where another machine keeps
    one. Exits with 1 if nothing is found.
    """
    from codeindex.filters import Filter
    from codeindex.ranking.mode import Mode
    from codeindex.ranking.options import SearchOptions

    given["query"] = " ".join(given["query"]) if given["query"] else None
    queries = _queries(**given)  # before the index is even looked for
    where = Filter(
        given["path"],
        tuple(map(str.lower, given["language"])),
        given["kind"],
    )
    again = reranking_asked(session, **given)
    options = SearchOptions(Mode(given["mode"]), given["per_file"], given["min_confidence"], again)
    opened = open_asked(session, **given)
    if not queries:
        found = _stream(session, opened, where, options, **given)
    else:
        with opened:
            found = _answer(session, opened, queries, where, options, **given)
    if not found:
        click.get_current_context().exit(1)


def _queries(**given: Any) -> list[str]:
    """What is asked; nothing if queries are to be read from standard input.

    Raises:
        UsageError: nothing is asked, or more than one thing, or it cannot be searched for.
    """
    from codeindex.errors import UsageError
    from codeindex.searching import checked_query

    query, paper = given["query"], given["paper"]
    if query is None and paper is None:
        raise UsageError("say what to look for: a QUERY, or the text of a paper by --paper FILE")
    if query is not None and paper is not None:
        raise UsageError("a QUERY and --paper both say what to look for; leave one of them out")
    if given["explain"] and (paper is not None or given["by"] != "function"):
        raise UsageError(
            "--explain shows what a function's place is due to, for one QUERY: leave it out with"
            " --paper and --by, whose results say what found them"
        )
    if paper is not None:
        from codeindex.cli.paper_file import read_paper
        from codeindex.paper_text import queries_of

        return queries_of(read_paper(paper))
    if query != "-":
        return [checked_query(query)]
    if given["by"] != "function":
        raise UsageError("queries from standard input find functions; leave --by out")
    return []


def _stream(
    session: Session, opened: Opened, where: Filter, options: SearchOptions, **given: Any
) -> bool:
    """Answers standard input; whether anything was found."""
    from codeindex.cli.search_stream import AnswerStream, answer_lines

    def reopen() -> Opened:
        return open_asked(session, **given)

    stream = AnswerStream(opened, reopen, given["top_k"], where, options)
    try:
        found = answer_lines(stream, session.say)
    finally:
        stream.close()
    if not found:
        session.say("nothing found for any query")
    return found


def _answer(
    session: Session,
    opened: Opened,
    queries: Sequence[str],
    where: Filter,
    options: SearchOptions,
    **given: Any,
) -> bool:
    """Prints what is found; whether there is anything."""
    if given["paper"] is not None or given["by"] != "function":
        from codeindex.cli.groups import answer_groups

        found = answer_groups(opened, queries, where, options, **given)
    else:
        from codeindex.cli.hits import print_results

        (results,) = opened.search_many(queries, given["top_k"], where, options)
        found = bool(results)
        if given["as_json"]:
            for result in results:
                click.echo(json.dumps(result.as_json()))
        else:
            print_results(results, given["lines"], explain=given["explain"])
            if results and (best := max(one.confidence for one in results)) < _UNLIKELY:
                session.say(
                    f"note: probably none of these: the best is {best:.0%} likely what was asked"
                    " for (--min-confidence leaves such out)"
                )
    for note in opened.notes(given["mode"]):
        session.say(note)
    if not found:
        from codeindex.cli.nothing import why_nothing

        session.say(f"nothing found{why_nothing(opened, **given)}")
    return found
