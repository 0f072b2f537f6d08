"""``codeindex plugins``: what is there, from which distribution, and what is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import json_option
from codeindex.cli.plugins_check import check
from codeindex.cli.plugins_new import new
from codeindex.cli.session import Session

if TYPE_CHECKING:
    from codeindex.host import Host
    from codeindex.offers import Catalogue


@click.group(
    invoke_without_command=True,
    epilog="Example: codeindex plugins new recipes --kind extractor",
)
@json_option
@click.pass_context
def plugins(ctx: click.Context, /, as_json: bool) -> None:
    """Show the extractors, encoders, backends, rerankers and commands that plugins offer."""
    if ctx.invoked_subcommand is None:
        _show(ctx.ensure_object(Session), as_json)


plugins.add_command(new)
plugins.add_command(check)


def _show(session: Session, as_json: bool) -> None:
    facts = describe_plugins(session.host)
    if as_json:
        click.echo(json.dumps(facts))
        return
    for kind in ("extractor", "encoder", "backend", "reranker", "command"):
        rows = [row for row in facts["offers"] if row["kind"] == kind]
        if rows:
            click.echo(f"{kind}s")
        for row in rows:
            click.echo(
                f"  {row['name']:<14} {row['summary']}  [plugin {row['plugin']} of {row['from']}]"
            )
            if row["missing"]:
                remedy = f"; run: {row['install']}" if row["install"] else ""
                click.echo(f"  {'':<14} missing: {', '.join(row['missing'])}{remedy}")
            for option in row["options"]:
                default = (
                    "" if option["default"] in ("", None) else f" (default {option['default']})"
                )
                click.echo(f"  {'':<14} {option['name']}: {option['help']}{default}")
    for clash in facts["clashes"]:
        click.echo(f"clash: {clash['kind']} {clash['name']!r}: {' and '.join(clash['offered_by'])}")
    for broken in facts["broken"]:
        click.echo(f"broken: {broken['name']} ({broken['distribution']}): {broken['error']}")


def describe_plugins(host: Host) -> dict[str, Any]:
    """All that the plugins offer, what is broken and what clashes, as JSON values."""
    catalogues: dict[str, Catalogue[Any]] = {
        "extractor": host.extractors,
        "encoder": host.encoders,
        "backend": host.backends,
        "reranker": host.rerankers,
        "command": host.commands,
    }
    versions = {name: host.distribution_version(name) for _, name in host.plugins()}
    return {
        "plugins": [
            {"name": name, "distribution": distribution, "version": versions[distribution]}
            for name, distribution in host.plugins()
        ],
        "offers": [
            _describe_offer(kind, offer, versions)
            for kind, catalogue in catalogues.items()
            for offer in catalogue.offers()
        ],
        "clashes": [
            {"kind": kind, "name": name, "offered_by": list(rivals)}
            for kind, catalogue in catalogues.items()
            for name, rivals in catalogue.clashes.items()
        ],
        "broken": [
            {"name": item.name, "distribution": item.distribution, "error": item.error}
            for item in host.broken
        ],
    }


def _describe_offer(kind: str, offer: Any, versions: dict[str, str]) -> dict[str, Any]:
    from codeindex.options import describe_options

    spec = offer.spec
    origin = f"{offer.distribution} {versions.get(offer.distribution, '')}".strip()
    return {
        "kind": kind,
        "name": spec.name,
        "summary": spec.summary,
        "plugin": offer.plugin,
        "from": origin,
        "missing": list(offer.missing),
        "install": spec.install,
        "options": describe_options(spec.options) if hasattr(spec, "options") else [],
    }
