"""``codeindex extract``: snippets of a tree, or of papers' code, as one JSON list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import extractor_option, extractor_values, json_option, walk_options
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex.extraction import Extraction
    from codeindex.snippet import Snippet
    from codeindex.walk_options import WalkOptions


@click.command(epilog="Example: codeindex extract paper_code_with_files.json -o code_snippets.json")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("code_snippets.json"),
    show_default=True,
    help="File to write.",
)
@click.option(
    "--min-lines", type=click.IntRange(min=0), default=50, show_default=True, help="Shortest taken."
)
@click.option(
    "--require-docstring/--no-require-docstring",
    default=True,
    show_default=True,
    help="Take only what has a docstring.",
)
@click.option(
    "--max-papers", type=click.IntRange(min=0), default=0, help="Papers to read; 0 for all."
)
@extractor_option
@walk_options
@json_option
@pass_session
def extract(session: Session, /, **given: Any) -> None:
    """Write the functions and methods of SOURCE to a JSON file.

    SOURCE is a folder, or a paper_code_with_files.json with papers and their code.
    """
    from codeindex.errors import NotFoundError
    from codeindex.extraction import Extraction
    from codeindex.snippets_json import write_snippets
    from codeindex.walk_options import WalkOptions

    source: Path = given["source"]
    if not source.exists():
        raise NotFoundError(f"no such file or folder: {source}")
    values = {
        name: dict(options)
        for name, options in extractor_values(session.host, given["extractor_option"]).items()
    }
    skipped: list[str] = []
    if source.is_file() and source.suffix == ".json":
        if given["max_papers"]:
            values.setdefault("papers", {})["max_papers"] = given["max_papers"]
        snippets = _of_papers(Extraction(session.host, values), source)
    else:
        walk_options = WalkOptions(
            include=tuple(given["include"]),
            exclude=tuple(given["exclude"]),
            everything=given["everything"],
            max_bytes=given["max_bytes"],
        )
        snippets = _of_tree(
            session, Extraction(session.host, values), source, walk_options, skipped
        )
    counts = write_snippets(
        snippets,
        given["output"],
        min_lines=given["min_lines"],
        require_docstring=given["require_docstring"],
        repo_name=source.absolute().name if source.is_dir() else "",
    )
    for reason in skipped:
        session.say(f"skipped {reason}")
    if given["as_json"]:
        click.echo(
            json.dumps(
                {"output": str(given["output"]), "written": counts.written, "read": counts.read}
            )
        )
    else:
        which = f"of at least {given['min_lines']} lines"
        if given["require_docstring"]:
            which += " and with a docstring"
        click.echo(
            f"{counts.written:,} of {counts.read:,} functions written to {given['output']}:"
            f" those {which}"
        )
    if not counts.written:
        session.say(
            "no snippet matched; see --min-lines and --no-require-docstring"
            if counts.read
            else f"no function was found in {source}: no file that an extractor reads has one"
        )
        click.get_current_context().exit(1)


def _of_papers(extraction: Extraction, source: Path) -> Iterator[Snippet]:
    from codeindex.snippet import SourceFile

    file = SourceFile(source.name, "papers", "", source.absolute())
    return extraction.snippets(file, "papers")


def _of_tree(
    session: Session,
    extraction: Extraction,
    source: Path,
    options: WalkOptions,
    skipped: list[str],
) -> Iterator[Snippet]:
    from codeindex.candidates import Skipped
    from codeindex.catalog.rows import snippet_of
    from codeindex.claims import Claims
    from codeindex.walk import walk

    root = source.absolute() if source.is_dir() else source.absolute().parent
    claims = Claims.of([offer.spec for offer in session.host.extractors.offers()])
    for item in walk([source.absolute()], root, claims, options):
        if isinstance(item, Skipped):
            if item.is_error:
                skipped.append(f"{item.path}: {item.reason.value} {item.detail}".rstrip())
            continue
        result = extraction.run(item)
        if result.skipped is not None:
            skipped.append(f"{item.path}: {result.skipped}")
        yield from (snippet_of(incoming.values) for incoming in result.snippets)
