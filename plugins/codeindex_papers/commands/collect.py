"""``codeindex papers collect``: clones the repositories of papers and writes their code."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import json_option
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex_papers.collect.receipt import Receipt


@click.command(
    short_help="Clone repositories, write their code.",
    epilog="Example: codeindex papers collect paper_code_pairs.json"
    " -o paper_code_with_files.json --language python --verify-links",
)
@click.argument("pairs", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("paper_code_with_files.json"),
    show_default=True,
    help="File to write.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the clones, which are made once. Default: codeindex/papers in the user's"
    " cache folder.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Repositories cloned at a time.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="For one repository.",
)
@click.option(
    "--max-size",
    type=click.FloatRange(min=0, min_open=True),
    default=500,
    show_default=True,
    metavar="MB",
    help="Of one clone, on disk.",
)
@click.option(
    "--max-papers", type=click.IntRange(min=0), default=0, help="Papers to read; 0 for all."
)
@click.option("--max-repos", type=click.IntRange(min=0), default=0, help="Repositories; 0 for all.")
@click.option(
    "--language",
    "languages",
    multiple=True,
    metavar="NAME",
    help="Only code in it. May be repeated. Default: any language.",
)
@click.option(
    "--verify-links",
    is_flag=True,
    help="Only repositories that mention the paper's arXiv id or title.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if a repository could not be cloned.")
@json_option
@pass_session
def collect(session: Session, /, **given: Any) -> None:
    """Clone the repositories of PAIRS and write the papers with their code.

    PAIRS is a paper_code_pairs.json: papers, each with links to repositories. Clones are shallow
    and kept, so a run that was stopped goes on where it was; what failed is tried again. Nothing
    in a repository is run.
    """
    from codeindex.cli.progress import progress_bar
    from codeindex_papers.collect.cache import default_cache
    from codeindex_papers.collect.git import Git, Limits
    from codeindex_papers.collect.run import CollectOptions
    from codeindex_papers.collect.run import collect as run

    cache: Path = given["cache"] or default_cache(os.environ)
    options = CollectOptions(
        jobs=given["jobs"],
        limits=Limits(given["timeout"], given["max_size"]),
        max_papers=given["max_papers"],
        max_repositories=given["max_repos"],
        languages=tuple(given["languages"]),
        verify_links=given["verify_links"],
    )
    try:
        with _termination_interrupts():
            receipt = run(
                given["pairs"],
                given["output"],
                cache,
                options,
                lambda: Git.find(os.environ),
                lambda verb, unit: progress_bar(session, verb, unit),
            )
    except KeyboardInterrupt:
        session.say(f"finished clones are in {cache}; the same command goes on from there")
        raise
    if given["as_json"]:
        click.echo(json.dumps(receipt.as_json()))
    else:
        click.echo("\n".join(receipt.lines()))
    if not receipt.saved:
        session.say(f"{receipt.output} is left as it was: there is no code to write")
    if not receipt.written.kept:
        session.say(_nothing(receipt))
    if not receipt.written.kept or (given["strict"] and receipt.failures):
        click.get_current_context().exit(1)


def _nothing(receipt: Receipt) -> str:
    """Why there is no code."""
    if not receipt.outcomes:
        return "no repository is named there"
    if receipt.written.unmentioned:
        return "no repository mentions its paper"
    return "no repository could be had"


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the run as Ctrl-C does: the clones at work are killed, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
