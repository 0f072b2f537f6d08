"""``codeindex verify``: catalog against backend, and ``--repair``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from codeindex.cli.options import index_option, json_option
from codeindex.cli.session import Session, pass_session


@click.command(epilog="Example: codeindex verify --repair")
@index_option
@click.option("--repair", is_flag=True, help="Make what is wrong anew from the catalog.")
@json_option
@pass_session
def verify(session: Session, index: Path | None, repair: bool, as_json: bool) -> None:
    """Check that catalog and vector index hold the same. Exits with 1 if they do not."""
    from codeindex.index import Index

    with Index.open(index=session.find_index(index), host=session.host) as opened:
        report = opened.verify(repair=repair)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        for problem in report.repaired:
            click.echo(f"repaired  {problem}")
        for problem in report.problems:
            click.echo(f"problem   {problem}")
        click.echo(
            f"{'sound' if report.ok else 'NOT SOUND'}: {report.snippets:,} snippets,"
            f" {report.vectors:,} vectors, {report.sampled:,} of them searched for themselves"
        )
        if not report.ok and not repair:
            session.say("mend it with: codeindex verify --repair")
    if not report.ok:
        click.get_current_context().exit(1)
