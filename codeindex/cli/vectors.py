"""``codeindex vectors``: vectors out of an index, and into one, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import index_argument, json_option, overwrite_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.exchange.exporting import ExportReceipt
    from codeindex.exchange.importing import ImportReceipt
    from codeindex.exchange.source import Source


@click.group(
    epilog="Example: codeindex vectors export -o vectors.parquet"
    " && codeindex vectors import vectors.parquet -o copy/"
)
def vectors() -> None:
    """Write the vectors of an index as files, or make an index of such files."""


@vectors.command(epilog="Example: codeindex vectors export .codeindex -o vectors.parquet")
@index_argument
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="A *.parquet file, or a folder for code_embeddings.npy and metadata.json.",
)
@overwrite_option
@click.option(
    "--path", multiple=True, metavar="GLOB", help="Only these files or folders. May be repeated."
)
@click.option("--language", multiple=True, metavar="NAME", help="Only this language.")
@click.option("--kind", multiple=True, metavar="NAME", help="Only function, method, class, ….")
@json_option
@pass_session
def export(session: Session, /, **given: Any) -> None:
    """Write the vectors of INDEX and their snippets.

    INDEX is looked for as search does if it is left out. Nothing is embedded. Exits with 1 if
    there is nothing to write.
    """
    from codeindex.exchange.exporting import Export, NothingToExport
    from codeindex.filters import Filter

    folder = session.find_index(given["index"])
    where = Filter(given["path"], given["language"], given["kind"])
    job = Export(folder, given["output"], where, replace=given["overwrite"])
    try:
        with progress_bar(session, "exporting", "snippets") as progress:
            receipt = job.run(progress)
    except NothingToExport as nothing:
        session.say(str(nothing))
        click.get_current_context().exit(1)
    if given["as_json"]:
        click.echo(json.dumps(receipt.as_json()))
    else:
        for line in export_lines(receipt):
            click.echo(line)


@vectors.command(
    "import",
    epilog="Example: codeindex vectors import embeddings/ -o papers/ --snippets code_snippets.json"
    " --encoder torch -E model=microsoft/codebert-base --trust-encoder",
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the index to make.",
)
@click.option(
    "--snippets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file that was embedded, for the code that metadata.json leaves out.",
)
@click.option("--encoder", metavar="NAME", help="The encoder that made the vectors.")
@click.option(
    "--encoder-option",
    "-E",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the encoder. May be repeated.",
)
@click.option(
    "--trust-encoder", is_flag=True, help="It is that encoder, though the vectors do not say so."
)
@click.option("--backend", metavar="NAME", help="Backend of the index. Default: faiss.")
@click.option(
    "--backend-option",
    "-B",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the backend. May be repeated.",
)
@json_option
@pass_session
def import_(session: Session, /, **given: Any) -> None:
    """Make an index of vectors; nothing is embedded.

    SOURCE is a folder with code_embeddings.npy and metadata.json, or a *.parquet file with a
    column vector or embedding and one path or file_path. The encoder that made the vectors is
    needed to search them; where SOURCE says which it was, another is refused.
    """
    from codeindex.embedding.languages import languages_of
    from codeindex.exchange.importing import Import, NothingToImport, open_source
    from codeindex.new_index import NewIndex

    source = open_source(given["source"], given["snippets"], languages_of(session.host))
    try:
        index = NewIndex(
            given["output"],
            session.host,
            _encoder(given["encoder"], source),
            split_assignments(given["encoder_option"]),
            given["backend"],
            split_assignments(given["backend_option"]),
            option="-o",
        )
        with progress_bar(session, "importing", "snippets") as progress:
            receipt = Import(source, index, given["trust_encoder"]).run(progress)
    except NothingToImport as nothing:
        session.say(str(nothing))
        click.get_current_context().exit(1)
    finally:
        source.close()
    if given["as_json"]:
        click.echo(json.dumps(receipt.as_json()))
    else:
        for line in import_lines(receipt):
            click.echo(line)


def _encoder(given: str | None, source: Source) -> str:
    """The name of the encoder: what the user says, else what the source says.

    Only a name is taken from the source, never options: nothing is loaded because of them.
    """
    from codeindex.errors import UsageError

    if given:
        return given
    said = source.made_with
    if said is not None and said.encoder:
        return said.encoder
    raise UsageError(
        f"{source.path} does not name an encoder; say which one made its vectors with --encoder"
    )


def export_lines(receipt: ExportReceipt) -> list[str]:
    """The receipt, for people."""
    return [
        f"exported  {receipt.count:,} snippets of {receipt.index}",
        f"vectors   {receipt.output}: {receipt.count:,} x {receipt.dim}, float32",
        f"encoder   {receipt.encoder}, fingerprint {receipt.fingerprint[:12]}",
        f"texts     {receipt.texts}",
        f"seconds   {receipt.seconds:.2f}",
    ]


def import_lines(receipt: ImportReceipt) -> list[str]:
    """The receipt, for people."""
    lines = [
        f"imported  {receipt.count:,} snippets of {receipt.source}: {receipt.dim} dimensions,"
        " nothing embedded"
    ]
    if receipt.scaled:
        lines.append(
            f"scaled    {receipt.scaled:,} vectors were not of length 1, as searching needs them;"
            " they are now"
        )
    if receipt.without_code:
        lines.append(
            f"no code   {receipt.without_code:,} snippets; searches show none and look for no"
            " words in it. See --snippets"
        )
    trusted = ", as you say" if receipt.trusted else ""
    lines.append(f"encoder   {receipt.encoder}, fingerprint {receipt.fingerprint[:12]}{trusted}")
    lines.append(f"texts     {receipt.texts}")
    lines.append(f"index     {receipt.index}: codeindex search QUERY --index {receipt.index}")
    lines.append(f"seconds   {receipt.seconds:.2f}")
    return lines
