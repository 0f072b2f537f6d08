"""``codeindex optimize``: makes searches as fast as the backend can, which may take minutes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from codeindex.cli.options import index_argument, json_option
from codeindex.cli.session import Session, pass_session


@click.command(epilog="Example: codeindex optimize")
@index_argument
@json_option
@pass_session
def optimize(session: Session, index: Path | None, as_json: bool) -> None:
    """Arrange the vectors of an index for fast search.

    INDEX is its folder; the default is as for `codeindex search`. May take minutes for a
    large one. Searching goes on meanwhile, and so it does, as before, after Ctrl-C.
    """
    from codeindex.index import Index

    with Index.open(index=session.find_index(index), host=session.host) as opened:
        before = opened.status()
        name = (before["backend"] or {}).get("name", "none")
        session.say(
            f"arranging {before['snippets']:,} vectors in backend {name!r} for fast search (may"
            " take minutes; Ctrl-C is safe: it goes on searching as before)"
        )
        done = opened.optimize()
        after = opened.status()
    if as_json:
        report = {
            "index": before["index"],
            "backend": before["backend"],
            "optimized": done,
            "before": before["backend_facts"],
            "after": after["backend_facts"],
            "drift": after["drift"],
        }
        click.echo(json.dumps(report))
        return
    if not done:
        click.echo(f"nothing to do: backend {name!r} is always as fast as it can be")
        return
    click.echo(f"optimized {before['index']}: {after['backend_vectors']:,} vectors in {name!r}")
    for line in changes(before["backend_facts"], after["backend_facts"]):
        click.echo(line)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Each of the backend's facts, as it was and as it is."""
    lines = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key, "none"), after.get(key, "none")
        lines.append(f"          {key}: {new}" + (f" (was {old})" if old != new else ""))
    return lines
