"""``codeindex plugins check``: holds installed plugins to their contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import json_option
from codeindex.cli.session import Session, pass_session
from codeindex.errors import NotFoundError, OptionError

if TYPE_CHECKING:
    from codeindex.offers import InstalledPlugin
    from codeindex.testing import Contract, Outcome, PluginContract

_MARKS = {"kept": "✓", "broken": "✗", "declared broken": "~", "undecided": "?"}


@click.command(
    short_help="Hold plugins to their contracts.",
    epilog="Example: codeindex plugins check codeindex-recipes",
)
@click.argument("dist", required=False)
@click.option(
    "--option",
    "-O",
    "assignments",
    multiple=True,
    metavar="NAME.KEY=VALUE",
    help="Option of the provider NAME while it is checked. May be repeated.",
)
@json_option
@pass_session
def check(session: Session, dist: str | None, assignments: Sequence[str], as_json: bool) -> None:
    """Hold the plugins of DIST (default: all) to what codeindex relies on, promise by promise.

    DIST is a distribution or the name of a plugin. Exits with 1 if a promise is broken.
    """
    options = _options(assignments)
    rows: list[dict[str, Any]] = []
    for plugin in _chosen(session.plugins(), dist):
        for subject, suite in _suites(plugin, options):
            outcomes = _run(suite)
            if not as_json:
                click.echo(subject)
                _print(outcomes)
            rows += [{"subject": subject, **asdict(outcome)} for outcome in outcomes]
    counts = {status: sum(row["status"] == status for row in rows) for status in _MARKS}
    if as_json:
        click.echo(json.dumps({"promises": rows, "counts": counts}))
    else:
        click.echo(", ".join(f"{number} {status}" for status, number in counts.items() if number))
    if counts["broken"]:
        click.get_current_context().exit(1)


def _suites(
    plugin: InstalledPlugin, options: dict[str, dict[str, str]]
) -> Iterator[tuple[str, type[Contract]]]:
    """What to check of a plugin: a line for people, and the suite."""
    from codeindex.host import Host
    from codeindex.testing import (
        BackendContract,
        EncoderContract,
        ExtractorContract,
        PluginContract,
        RerankerContract,
    )

    suite = type("Check", (PluginContract,), {"plugin": plugin.value})
    yield f"plugin {plugin.name} ({plugin.distribution})", suite
    if not can_be_imported(suite):
        return
    host = Host.of([plugin])
    contracts: dict[str, type[Contract]] = {
        "extractor": ExtractorContract,
        "encoder": EncoderContract,
        "backend": BackendContract,
        "reranker": RerankerContract,
    }
    for kind, contract in contracts.items():
        for offer in getattr(host, f"{kind}s").offers():
            name = offer.spec.name
            facts = {"plugin": plugin.value, "name": name, "options": options.get(name, {})}
            yield f"{kind} {name}", type("Check", (contract,), facts)


def can_be_imported(suite: type[PluginContract]) -> bool:
    """Whether importing the plugin ends, without an error."""
    try:
        suite().test_it_can_be_imported()
    except AssertionError:
        return False
    return True


def _run(suite: type[Contract]) -> list[Outcome]:
    from codeindex.testing import run_contract

    return list(run_contract(suite))


def _chosen(plugins: Sequence[InstalledPlugin], dist: str | None) -> list[InstalledPlugin]:
    chosen = [
        plugin for plugin in plugins if dist is None or dist in (plugin.name, plugin.distribution)
    ]
    if not chosen:
        names = ", ".join(sorted({plugin.distribution for plugin in plugins})) or "none"
        raise NotFoundError(
            f"{dist!r} has no plugin; distributions that have one: {names}"
            " (one that is not installed is named by its file: codeindex --plugin FILE …)"
        )
    return chosen


def _options(assignments: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        name, dot, key = target.partition(".")
        if not equals or not dot:
            raise OptionError(f"{assignment!r} is not of the form NAME.KEY=VALUE")
        found.setdefault(name, {})[key] = value
    return found


def _print(outcomes: Sequence[Outcome]) -> None:
    details = {(outcome.status, outcome.detail) for outcome in outcomes}
    if len(details) == 1 and outcomes[0].status == "undecided":
        click.echo(f"  ? {len(outcomes)} promises are undecided: {outcomes[0].detail}")
        return
    for outcome in outcomes:
        click.echo(f"  {_MARKS[outcome.status]} {outcome.promise}")
        if outcome.detail:
            click.echo(f"      {outcome.status}: {outcome.detail}")
