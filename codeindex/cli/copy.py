"""``codeindex copy``: another index of the same tree, in another backend, without embedding."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import index_argument, json_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.copying import CopyReport


@click.command(epilog="Example: codeindex copy .codeindex --to qdrant-edge -o ../edge-index")
@index_argument
@click.option("--to", required=True, metavar="BACKEND", help="Backend of the copy.")
@click.option(
    "--backend-option",
    "-B",
    "new_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of that backend. May be repeated.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of the new index.",
)
@click.option(
    "--min-recall",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Least recall@10 against exact search.",
)
@json_option
@pass_session
def copy(session: Session, /, **given: Any) -> None:
    """Copy INDEX into a new FOLDER and another backend; nothing is embedded.

    The copy is complete and of the same source tree. It is compared with the catalog, ids,
    vectors and recall, before it counts: exits with 1, and removes it, if it is not as good.
    """
    from codeindex.copying import copy_index

    report = copy_index(
        session.find_index(given["index"]),
        given["output"],
        given["to"],
        split_assignments(given["new_options"]),
        min_recall=given["min_recall"],
        host=session.host,
        steps=partial(progress_bar, session),
    )
    if given["as_json"]:
        click.echo(json.dumps(report.as_json()))
    else:
        for line in _lines(report):
            click.echo(line)
    if not report.ok:
        session.say(f"the copy is not as good as it must be, and was removed: {report.index}")
        click.get_current_context().exit(1)


def _lines(report: CopyReport) -> list[str]:
    checked, recall = report.checked, report.recall
    verb = "copied   " if report.ok else "NOT SOUND"
    return [
        f"{verb} {checked.snippets:,} snippets into {report.index},"
        f" backend {report.backend['name']!r}",
        *(f"problem   {problem}" for problem in report.problems),
        f"checked   {checked.vectors:,} ids; {checked.sampled:,} vectors searched for themselves",
        f"recall@10 {recall.value:.4f} against exact search, of {recall.queries:,} queries",
        f"seconds   {report.seconds:.2f}",
    ]
