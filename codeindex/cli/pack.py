"""``codeindex pack``: an index with its encoder in one file, for a machine without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codeindex.cli.options import index_argument, json_option, overwrite_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex.packing.pack import PackReceipt


@click.command(epilog="Example: codeindex pack -o project.pack && codeindex verify project.pack")
@index_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="The pack.",
)
@overwrite_option
@json_option
@pass_session
def pack(
    session: Session, index: Path | None, output: Path, overwrite: bool, as_json: bool
) -> None:
    """Write INDEX with its encoder, their licences and digests of all into one FILE.

    INDEX is the folder of an index, or the one that holds .codeindex. Indexing may go on
    meanwhile. `codeindex unpack` makes an index of FILE that needs no network.
    """
    from codeindex.packing.pack import pack as write_pack

    with progress_bar(session, "packing", "MB") as show:
        receipt = write_pack(
            session.find_index(index),
            output,
            session.host,
            replace=overwrite,
            progress=show and (lambda done, total: show(done >> 20, total >> 20)),
        )
    if as_json:
        click.echo(json.dumps(receipt.as_json()))
    else:
        _print(receipt)


def _print(receipt: PackReceipt) -> None:
    index = receipt.manifest.index
    encoder = index["encoder"]
    click.echo(f"packed    {receipt.file}, {receipt.bytes / 1e6:,.1f} MB")
    click.echo(f"index     {index['snippets']:,} snippets, backend {index['backend']}")
    if receipt.with_encoder:
        licences = ", ".join(item.licence for item in receipt.manifest.licences)
        click.echo(f"encoder   {encoder['title']}, in the pack ({licences})")
    else:
        click.echo(
            f"encoder   {encoder['title']}, NOT in the pack: {encoder['name']!r} is no bundle;"
            " where it is unpacked, searches need the same encoder"
        )
    if index["pending_changes"]:
        click.echo(
            f"pending   {index['pending_changes']:,} changes reach the vector index at the first"
            " search: another process was writing"
        )
