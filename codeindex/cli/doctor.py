"""``codeindex doctor``: one page on whether this installation works."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from codeindex.cli.options import index_option, json_option
from codeindex.cli.session import Session, pass_session
from codeindex.errors import NotFoundError

_MARKS = {"ok": "✓", "note": "·", "broken": "✗"}


@click.command(epilog="Example: codeindex doctor --json")
@index_option
@json_option
@pass_session
def doctor(session: Session, index: Path | None, as_json: bool) -> None:
    """Say whether this installation works: versions, plugins, processor, the index at hand.

    Exits with 1 if something is broken; each such line says what to do.
    """
    from codeindex.doctor import examine, works

    folder = session.index_folder(index)
    if folder is None:
        try:
            folder = session.find_index(None)
        except NotFoundError:
            folder = None  # none is needed
    findings = list(examine(session.host, folder))
    if as_json:
        rows = [asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": works(findings), "findings": rows}))
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.verdict]} {finding.subject:<10} {finding.text}")
            if finding.remedy:
                click.echo(f"  {'':<10} → {finding.remedy}")
    if not works(findings):
        click.get_current_context().exit(1)
