"""``codeindex embed``: vectors of papers' code as files, and as an index."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.embedding.receipt import EmbeddingReceipt
    from codeindex.embedding.run import Embedding
    from codeindex.host import Host

_ENCODER = "torch"
_BATCH_SIZE = 8
_FLAGS = {
    "model": "--model",
    "pooling": "--pooling",
    "batch_size": "--batch-size",
    "max_length": "--max-length",
}


@click.command(epilog="Example: codeindex embed code_snippets.json -o embeddings/ --index papers/")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=Path("embeddings"),
    show_default=True,
    help="Folder for code_embeddings.npy and metadata.json.",
)
@click.option("--model", metavar="NAME", help="Hub name, model folder or .pt; short for -E model=.")
@click.option(
    "--pooling",
    type=click.Choice(["cls", "mean"]),
    help="How tokens become a vector. Default: what the model says, else cls.",
)
@click.option(
    "--paper-context/--no-paper-context",
    default=True,
    show_default=True,
    help="Embed title and abstract of the paper with the code.",
)
@click.option(
    "--paper-context-weight",
    type=float,
    default=0.3,
    show_default=True,
    help="Share of the abstract in abstract and code, by length, at most; below 1.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), help=f"Texts in a batch. Default: {_BATCH_SIZE}."
)
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    help="Tokens read of a text. Default: what the model says, or 512.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write vectors and metadata to this file, too.",
)
@click.option(
    "--index",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Make a searchable index there, too.",
)
@click.option("--encoder", metavar="NAME", default=_ENCODER, show_default=True, help="Encoder.")
@click.option(
    "--encoder-option",
    "-E",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the encoder. May be repeated.",
)
@click.option("--backend", metavar="NAME", help="Backend of the index. Default: faiss.")
@click.option(
    "--backend-option",
    "-B",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the backend. May be repeated.",
)
@click.option("--receipt-json", is_flag=True, help="Print the receipt as JSON.")
@pass_session
def embed(session: Session, /, **given: Any) -> None:
    """Embed the code of papers: one vector for each snippet, or for each code file.

    FILE is a code_snippets.json (see codeindex extract) or a paper_code_with_files.json; which
    of the two, its content says. A run that was stopped is continued by the next.
    """
    from codeindex.embedding.run import NothingToEmbed
    from codeindex.encoding import make_encoder

    values = encoder_values(session.host, given)
    job = _job(session, given, values)
    try:
        with progress_bar(session, "embedding", "snippets") as progress:
            receipt = job.run(
                lambda: make_encoder(session.host, given["encoder"], values), progress
            )
    except NothingToEmbed as nothing:
        session.say(str(nothing))
        click.get_current_context().exit(1)
    except Exception as error:
        _explain_memory(error)
        raise
    if given["receipt_json"]:
        click.echo(json.dumps(receipt.as_json()))
    else:
        for line in receipt_lines(receipt):
            click.echo(line)


def encoder_values(host: Host, given: Mapping[str, Any]) -> dict[str, Any]:
    """Option values of the encoder, from ``-E`` and from the flags that stand for some.

    Raises:
        NotFoundError, PluginError: there is no such encoder here.
        UsageError: a flag for an option that the encoder does not have, or that -E gives too.
        OptionError: an unknown option or a wrong value.
    """
    from codeindex.errors import UsageError
    from codeindex.options import build_options

    name = given["encoder"]
    spec = host.encoders.get(name).spec
    known = {field.name for field in dataclasses.fields(spec.options)}
    values: dict[str, Any] = dict(split_assignments(given["encoder_option"]))
    for key, flag in _FLAGS.items():
        if given[key] is None:
            continue
        if key not in known:
            options = ", ".join(sorted(known)) or "it has none"
            raise UsageError(
                f"{flag}: encoder {name!r} has no option {key!r}; leave {flag} out, or choose"
                f" another --encoder (options of {name!r}: {options})"
            )
        if key in values:
            raise UsageError(f"{flag} and -E {key}= are the same option; give one of them")
        values[key] = given[key]
    if "batch_size" in known:
        values.setdefault("batch_size", _BATCH_SIZE)
    model = values.get("model")
    if model and Path(model).exists():  # an index is searched from other folders, too
        values["model"] = str(Path(model).absolute())
    build_options(spec.options, values, f"encoder {name!r}")
    return values


def _job(session: Session, given: Mapping[str, Any], values: Mapping[str, Any]) -> Embedding:
    from codeindex.embedding.context import PaperContext
    from codeindex.embedding.indexed import IndexFromVectors
    from codeindex.embedding.inputs import Input
    from codeindex.embedding.languages import languages_of
    from codeindex.embedding.run import Embedding
    from codeindex.errors import UsageError

    weight = PaperContext(given["paper_context_weight"]).weight  # checked, if it is not used, too
    index = None
    if given["index"] is not None:
        index = IndexFromVectors(
            given["index"],
            session.host,
            given["encoder"],
            values,
            given["backend"],
            split_assignments(given["backend_option"]),
        )
    elif given["backend"] or given["backend_option"]:
        raise UsageError("--backend and -B are for the index; say where with --index DIR")
    return Embedding(
        source=Input(given["source"], languages_of(session.host)),
        output=given["output"],
        texts=PaperContext(weight if given["paper_context"] else None),
        json=given["json_file"],
        index=index,
        say=session.say,
    )


def _explain_memory(error: Exception) -> None:
    """Raises what to do about it, if memory was short."""
    from codeindex.errors import PluginError

    cause = error.__cause__ or error
    if isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError":
        raise PluginError(
            f"out of memory while embedding ({cause}); what was embedded is kept: run it again"
            " with a smaller --batch-size or --max-length"
        ) from error


def receipt_lines(receipt: EmbeddingReceipt) -> list[str]:
    """The receipt, for people."""
    papers = receipt.format == "paper_code_with_files"
    lines = [
        f"embedded  {receipt.count:,} {'code files' if papers else 'snippets'} of {receipt.input}:"
        f" {receipt.encoded:,} now, {receipt.resumed:,} by an earlier run",
        f"vectors   {receipt.embeddings}: {receipt.count:,} x {receipt.dim}, float32",
        f"metadata  {receipt.metadata}",
    ]
    if receipt.empty:
        what = "code files left out: they are" if papers else "snippets have no code; kept, as"
        lines.append(
            f"empty     {receipt.empty:,} {what} {'empty' if papers else 'they are listed'}"
        )
    lines.append(f"encoder   {receipt.encoder}, fingerprint {receipt.fingerprint[:12]}")
    lines.append(f"texts     {receipt.texts}")
    if receipt.json:
        lines.append(f"json      {receipt.json}")
    if receipt.index:
        lines.append(f"index     {receipt.index}: codeindex search QUERY --index {receipt.index}")
    lines.append(f"seconds   {receipt.seconds:.2f}")
    return lines
