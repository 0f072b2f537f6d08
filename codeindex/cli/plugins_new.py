"""``codeindex plugins new``: the beginning of a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from codeindex.scaffold import KINDS, write_plugin


@click.command(
    short_help="Write the beginning of a plugin.",
    epilog="Example: codeindex plugins new recipes --kind extractor",
)
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the plugin offers.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="Folder to write it to. Default: the current one.",
)
def new(name: str, kind: str, into: Path) -> None:
    """Write a plugin called NAME that installs and keeps its contract as it comes."""
    folder = write_plugin(name, kind, into)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        click.echo(f"wrote {path}")
    # With its "./": a bare name would be looked for in the package index.
    place = folder if folder.is_absolute() else f"./{folder.as_posix()}"
    click.echo(f"next: pip install {place} && codeindex plugins check {folder.name}")
