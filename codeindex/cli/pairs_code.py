"""``codeindex pairs code``: docstrings and the functions that they describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import (
    extractor_option,
    extractor_values,
    jobs_option,
    json_option,
    walk_options,
)
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex.pairs.mining import Miner, MiningCounts

_SHOWN = 5  # files that could not be read


@click.command(epilog="Example: codeindex pairs code src ../library/src -o pairs.jsonl")
@click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("pairs.jsonl"),
    show_default=True,
    help="File to write; a list if it ends in .json.",
)
@click.option("--repo-name", default="", metavar="NAME", help="Default: the name of each PATH.")
@click.option(
    "--min-lines", type=click.IntRange(min=1), default=3, show_default=True, help="Of the code."
)
@click.option(
    "--max-lines", type=click.IntRange(min=1), default=500, show_default=True, help="Of the code."
)
@click.option(
    "--min-words",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Of the docstring's first paragraph.",
)
@click.option(
    "--same-text",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Pairs that may have the same docstring.",
)
@click.option(
    "--text",
    type=click.Choice(["code", "index"]),
    default="code",
    show_default=True,
    help="Code alone, or with path and name, as an index embeds it.",
)
@extractor_option
@walk_options
@jobs_option
@json_option
@pass_session
def code(session: Session, /, **given: Any) -> None:
    """Write pairs of docstring and function of the code under each PATH.

    A pair is the first paragraph of a docstring, without markup, and the function without its
    docstring. Tests, generated code, stubs, what is short, not English or nearly the same as
    something before is left out, as in CodeSearchNet. Each PATH is a repository of its own:
    `codeindex train` and `pairs split` keep it on one side.
    """
    from codeindex.pairs.mining import MiningCounts
    from codeindex.pairs.writing import as_row, write_rows

    counts = MiningCounts()
    miner = _miner(session, given)
    with progress_bar(session, "reading", "files") as progress:
        found = miner.pairs(given["paths"], counts, repo_name=given["repo_name"], progress=progress)
        write_rows(map(as_row, found), given["output"])
    for reason in counts.skipped[:_SHOWN]:
        session.say(f"skipped {reason}")
    if len(counts.skipped) > _SHOWN:
        session.say(f"skipped {len(counts.skipped) - _SHOWN:,} more files; --json names them all")
    if given["as_json"]:
        click.echo(json.dumps({"output": str(given["output"]), **counts.as_json()}))
    else:
        _show(counts, given["output"])
    if not counts.pairs:
        session.say(
            "no function is left" if counts.functions else "no function was found in what was read"
        )
        click.get_current_context().exit(1)


def _miner(session: Session, given: dict[str, Any]) -> Miner:
    from codeindex.errors import UsageError
    from codeindex.pairs.filters import MiningOptions
    from codeindex.pairs.mining import Miner
    from codeindex.walk_options import WalkOptions

    if given["min_lines"] > given["max_lines"]:
        raise UsageError("--min-lines is more than --max-lines, so that no function fits")
    names = ("min_lines", "max_lines", "min_words", "same_text", "text")
    return Miner(
        session.host,
        MiningOptions(**{name: given[name] for name in names}),
        WalkOptions(
            include=tuple(given["include"]),
            exclude=tuple(given["exclude"]),
            everything=given["everything"],
            max_bytes=given["max_bytes"],
        ),
        extractor_values(session.host, given["extractor_option"]),
        given["jobs"],
    )


def _show(counts: MiningCounts, output: Path) -> None:
    click.echo(f"{'files read':<38}{counts.files:>9,}")
    click.echo(f"{'functions':<38}{counts.functions:>9,}")
    for reason, number in counts.left_out.most_common():
        click.echo(f"  {reason:<36}{number:>9,}")
    where = f"  in {output}" if counts.pairs else ""
    click.echo(f"{'pairs':<38}{counts.pairs:>9,}{where}")
