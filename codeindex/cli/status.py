"""``codeindex status``: what is in an index, how old it is, which encoder made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from codeindex.cli.options import index_option, json_option
from codeindex.cli.session import Session, pass_session

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@click.command(epilog="Example: codeindex status --json")
@index_option
@json_option
@pass_session
def status(session: Session, index: Path | None, as_json: bool) -> None:
    """Show what is in the index, how old it is and what it was made with."""
    from codeindex.index import Index

    with Index.open(index=session.find_index(index), host=session.host) as opened:
        facts = opened.status()
    if as_json:
        click.echo(json.dumps(facts))
        return
    for line in _lines(facts):
        click.echo(line)


def _lines(facts: dict[str, Any]) -> list[str]:
    encoder, backend = facts["encoder"], facts["backend"] or {}
    lines = [
        f"index     {facts['index']} ({facts['bytes_on_disk'] / 1e6:.1f} MB)",
        f"root      {facts['root']}",
        f"updated   {_age(facts['age_seconds'])}",
        f"sources   {facts['sources']:,}",
        f"snippets  {facts['snippets']:,} ({_counts(facts['kinds'])})",
        f"languages {_counts(facts['languages'])}",
        f"vectors   {facts['cached_vectors']:,} kept",
        f"backend   {backend.get('name', 'none')}",
    ]
    if encoder:
        lines.append(
            f"encoder   {encoder['name']}: {encoder['title']}, {encoder['dim']} dimensions,"
            f" fingerprint {encoder['fingerprint'][:12]}"
        )
    if facts["texts"]:
        lines.append(f"texts     {facts['texts']['recipe']}, of {facts['texts']['input']}")
    if facts["pending_changes"]:
        lines.append(f"pending   {facts['pending_changes']:,} changes; the next run applies them")
    lines.extend(f"unread    {path}: {reason}" for path, reason in facts["unreadable"].items())
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "none"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "never finished"
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"
