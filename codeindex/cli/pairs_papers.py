"""``codeindex pairs papers``: step 1 of the workflow, papers and their code as pairs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import json_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex.pairs.papers import PaperCounts


@click.command(
    epilog="Example: codeindex pairs papers paper_code_with_files.json -o parsed_pairs.json"
)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("parsed_pairs.json"),
    show_default=True,
    help="File to write; one object a line if it ends in .jsonl.",
)
@click.option(
    "--max-papers", type=click.IntRange(min=0), default=0, help="Papers to read; 0 for all."
)
@json_option
@pass_session
def papers(session: Session, /, **given: Any) -> None:
    """Write one pair for each code file of each paper: title and abstract, and the code.

    IN is a paper_code_with_files.json. Only repositories with "cloned": true have code.
    """
    from codeindex.errors import NotFoundError
    from codeindex.pairs.papers import PaperCounts, paper_rows
    from codeindex.pairs.writing import write_rows

    source: Path = given["source"]
    if not source.exists():
        raise NotFoundError(f"no such file: {source}")
    counts = PaperCounts()
    with progress_bar(session, "reading", "papers") as progress:
        rows = paper_rows(source, counts, max_papers=given["max_papers"], progress=progress)
        write_rows(rows, given["output"])
    if given["as_json"]:
        click.echo(json.dumps({"output": str(given["output"]), **counts.as_json()}))
    else:
        _show(counts, given["output"])
    if not counts.pairs:
        session.say(f"no pair was found in {source}: {_why_none(counts)}")
        click.get_current_context().exit(1)


def _why_none(counts: PaperCounts) -> str:
    if not counts.papers:
        return "it holds no paper"
    if not counts.files:
        return "no repository is cloned and has code; see codeindex papers collect"
    return "every file was skipped"


def _show(counts: PaperCounts, output: Path) -> None:
    click.echo(f"papers processed      {counts.papers:>9,}")
    click.echo(f"papers skipped        {_skipped(counts.papers_skipped)}")
    click.echo(f"code files processed  {counts.files:>9,}")
    click.echo(f"code files skipped    {_skipped(counts.files_skipped)}")
    where = f"  in {output}" if counts.pairs else ""
    click.echo(f"pairs created         {counts.pairs:>9,}{where}")


def _skipped(reasons: Counter[str]) -> str:
    said = ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())
    return f"{reasons.total():>9,}" + (f"  {said}" if said else "")
