"""``codeindex rebuild``: makes the backend of an index anew, or gives it another one."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from codeindex.cli.options import index_argument, json_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session
from codeindex.options import split_assignments


@click.command(epilog="Example: codeindex rebuild --backend qdrant-edge")
@index_argument
# Other names than `backend_options` has: settings say what new indexes are made with, and are
# not meant to change one that there is.
@click.option(
    "--backend", "new_backend", metavar="NAME", help="Another backend. Default: the index's own."
)
@click.option(
    "--backend-option",
    "-B",
    "new_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the backend. May be repeated.",
)
@json_option
@pass_session
def rebuild(session: Session, /, **given: Any) -> None:
    """Make the backend of an index anew from its catalog; nothing is embedded.

    INDEX is its folder; the default is as for `codeindex search`. The old backend is searched
    until the new one is whole and compared with the catalog.
    """
    from codeindex.index import Index

    started = time.perf_counter()
    folder = session.find_index(given["index"])
    with Index.open(index=folder, host=session.host) as opened:
        options = split_assignments(given["new_options"])
        wanted = opened.rebuild_choice(given["new_backend"], options)
        session.say(
            f"making the backend anew, {wanted['name']!r} (the old one is searched until the new"
            " one is sound)"
        )
        with progress_bar(session, "storing", "vectors") as progress:
            checked = opened.rebuild(given["new_backend"], options, progress=progress)
        facts = opened.status()
    if given["as_json"]:
        report = {
            "index": facts["index"],
            "backend": facts["backend"],
            "backend_facts": facts["backend_facts"],
            **checked.as_json(),
            "seconds": round(time.perf_counter() - started, 3),
        }
        click.echo(json.dumps(report))
        return
    click.echo(f"rebuilt   {facts['index']}, in backend {facts['backend']['name']!r}")
    click.echo(
        f"checked   {checked.vectors:,} ids, as in the catalog;"
        f" {checked.sampled:,} vectors searched for themselves"
    )
    click.echo(f"seconds   {time.perf_counter() - started:.2f}")
