"""``codeindex verify``: catalog against backend, and ``--repair``; or a pack, by its digests."""

from __future__ import annotations

import json
from pathlib import Path

import click

from codeindex.cli.options import index_option, json_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session
from codeindex.errors import UsageError


@click.command(epilog="Example: codeindex verify --repair")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@index_option
@click.option("--repair", is_flag=True, help="Make what is wrong anew from the catalog.")
@json_option
@pass_session
def verify(
    session: Session, file: Path | None, index: Path | None, repair: bool, as_json: bool
) -> None:
    """Check that catalog and vector index hold the same. Exits with 1 if they do not.

    With FILE, a pack of `codeindex pack`, check every file in it against its digest, and its
    catalog and encoder.
    """
    if file is not None and file.is_dir() and index is None:
        file, index = None, file
    if file is None:
        _verify_index(session, index, repair, as_json)
    elif repair or index is not None:
        raise UsageError(
            "a pack is checked as it is, without --index and --repair;"
            f" to mend one, unpack it first: codeindex unpack {file} -o FOLDER"
        )
    else:
        _verify_pack(session, file, as_json)


def _verify_index(session: Session, index: Path | None, repair: bool, as_json: bool) -> None:
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
            where = "" if index is None else f" --index {index}"
            session.say(f"mend it with: codeindex verify --repair{where}")
    if not report.ok:
        click.get_current_context().exit(1)


def _verify_pack(session: Session, file: Path, as_json: bool) -> None:
    from codeindex.packing.check import verify_pack

    with progress_bar(session, "checking", "MB") as show:
        report = verify_pack(
            file, progress=show and (lambda done, total: show(done >> 20, total >> 20))
        )
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        for problem in report.problems:
            click.echo(f"problem   {problem}")
        click.echo(
            f"{'sound' if report.ok else 'NOT SOUND'}: {report.entries:,} files,"
            f" {report.bytes / 1e6:,.1f} MB, {report.snippets:,} snippets,"
            f" {report.vectors:,} of them with a vector"
        )
    if not report.ok:
        click.get_current_context().exit(1)
