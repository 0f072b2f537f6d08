"""``codeindex unpack``: an index folder of a pack."""

from __future__ import annotations

import json
from pathlib import Path

import click

from codeindex.cli.options import json_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session


@click.command(
    epilog="Example: codeindex unpack project.pack -o project-index &&"
    " codeindex search --index project-index 'parse a date string'"
)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    required=True,
    help="Where the index is to be: a new folder, or an empty one.",
)
@json_option
@pass_session
def unpack(session: Session, file: Path, output: Path, as_json: bool) -> None:
    """Make an index FOLDER of FILE, which `codeindex pack` has written.

    Every file in it is checked, none is run, and FOLDER is there whole or not at all.
    """
    from codeindex.packing.unpack import unpack as read_pack

    with progress_bar(session, "unpacking", "MB") as show:
        receipt = read_pack(
            file,
            output,
            session.host,
            progress=show and (lambda done, total: show(done >> 20, total >> 20)),
        )
    if as_json:
        click.echo(json.dumps(receipt.as_json()))
        return
    packed = receipt.manifest
    click.echo(
        f"unpacked  {receipt.folder}, {packed.index['snippets']:,} snippets,"
        f" packed {packed.created} by codeindex {packed.codeindex}"
    )
    options = "".join(
        f", {key}={json.dumps(value)}" for key, value in receipt.encoder_options.items()
    )
    if receipt.with_encoder:
        licences = ", ".join(item.licence for item in packed.licences)
        click.echo(f"encoder   {receipt.encoder}{options} ({licences})")
    else:
        click.echo(
            f"encoder   {receipt.encoder}{options}: it was NOT in the pack; searches need it here"
        )
    session.say(f"search it with: codeindex search --index {output} QUERY")
