"""``codeindex remove``: takes sources out of an index."""

from __future__ import annotations

import json
from pathlib import Path

import click

from codeindex.cli.options import index_option, json_option
from codeindex.cli.session import Session, pass_session


@click.command(epilog="Example: codeindex remove 'legacy/**'")
@click.argument("globs", nargs=-1, required=True, metavar="GLOB...")
@index_option
@json_option
@pass_session
def remove(session: Session, globs: tuple[str, ...], index: Path | None, as_json: bool) -> None:
    """Take the sources out of the index that match a GLOB on their path.

    The files themselves are not touched; the next `codeindex index` takes them in again,
    unless it is told to --exclude them.
    """
    from codeindex.index import Index

    with Index.open(index=session.find_index(index), host=session.host) as opened:
        removed = opened.remove(globs)
    click.echo(json.dumps({"removed": removed}) if as_json else f"removed {removed:,} snippets")
