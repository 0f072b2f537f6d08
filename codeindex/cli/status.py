"""``codeindex status``: what is in an index, how old it is, which encoder made it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from codeindex.cli.options import index_argument, json_option
from codeindex.cli.reading import open_to_read, store_options
from codeindex.cli.session import Session, colours, pass_session

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@click.command(epilog="Example: codeindex status --json")
@index_argument
@store_options
@json_option
@pass_session
def status(session: Session, /, **given: Any) -> None:
    """Show what is in the index, how old it is and what it was made with.

    It also says where vectors and snippets do not agree, or the backend cannot be opened.
    """
    with open_to_read(session, **given) as opened:
        facts = opened.status()
    if given["as_json"]:
        click.echo(json.dumps(facts))
        return
    for line in _store_lines(facts) if "index_id" in facts else _lines(facts):
        click.echo(line)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    backend = facts["backend"] or {}
    held = facts["backend_vectors"]
    lines = [
        f"index     {facts['index']} ({facts['bytes_on_disk'] / 1e6:.1f} MB)",
        f"root      {facts['root']}",
        f"updated   {_age(facts['age_seconds'])}",
        *(_unfinished(facts) if facts["unfinished"] else ()),
        f"sources   {facts['sources']:,}",
        f"snippets  {facts['snippets']:,} ({_counts(facts['kinds'])})",
        f"languages {_counts(facts['languages'])}",
        f"vectors   {facts['cached_vectors']:,} kept",
        f"backend   {backend.get('name', 'none')}"
        + (f": {held:,} vectors" if held is not None else ""),
        *_facts(facts["backend_facts"]),
    ]
    if facts["drift"]:
        drift = click.style("DRIFT", fg="red", bold=True) if _coloured() else "DRIFT"
        lines.append(f"{drift}     {facts['drift']}")
    lines += _encoder_lines(facts)
    if facts["pending_changes"]:
        pending = f"{facts['pending_changes']:,} changes that the backend does not have yet"
        lines += [f"pending   {pending};", f"          apply them with: {facts['finish']}"]
    lines.extend(f"unread    {path}: {reason}" for path, reason in facts["unreadable"].items())
    return lines


def _unfinished(facts: Mapping[str, Any]) -> list[str]:
    return [
        "          NOT COMPLETE: a run of codeindex index has not read all files: it is at work,",
        f"          or was stopped; go on with: {facts['finish']}",
    ]


def _store_lines(facts: Mapping[str, Any]) -> list[str]:
    return [
        f"store     {facts['backend']['name']}",
        *_facts(facts["backend_facts"]),
        f"index     {facts['index_id']}, made by codeindex {facts['created_by']}",
        f"snippets  {facts['snippets']:,}",
        *_encoder_lines(facts),
    ]


def _encoder_lines(facts: Mapping[str, Any]) -> list[str]:
    encoder, texts = facts["encoder"], facts["texts"]
    lines = []
    if encoder:
        lines.append(
            f"encoder   {encoder['name']}: {encoder['title']}, {encoder['dim']} dimensions,"
            f" fingerprint {encoder['fingerprint'][:12]}"
        )
        lines += _facts(
            {k: v for k, v in (encoder["options"] or {}).items() if v not in ("", None)}
        )
    if texts:
        lines.append(f"texts     {texts['recipe']}, of {texts['input']}")
    return lines


def _facts(facts: Mapping[str, Any]) -> list[str]:
    shown = ", ".join(f"{name.replace('_', ' ')} {_number(it)}" for name, it in facts.items())
    return [f"          {shown}"] if facts else []


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _coloured() -> bool:
    return colours(sys.stdout.isatty())


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
