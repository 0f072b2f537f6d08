"""``codeindex index``: makes an index, or brings it up to date, and prints the receipt."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import (
    backend_options,
    encoder_options,
    extractor_option,
    extractor_values,
    index_option,
    jobs_option,
    json_option,
    walk_options,
)
from codeindex.cli.progress import progress_bar
from codeindex.cli.session import Session, pass_session
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.receipt import Receipt

_SHOWN_ERRORS = 10


@click.command(epilog="Example: codeindex index src --exclude 'tests/**'")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@index_option
@encoder_options
@backend_options
@extractor_option
@walk_options
@jobs_option
@click.option("--strict", is_flag=True, help="Exit with 1 if a file could not be read.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", "-y", is_flag=True, help="Allow dropping more than half of the index.")
@click.option(
    "--optimize/--no-optimize",
    default=True,
    help="Arrange the vectors for fast search when much has changed. Default: yes.",
)
@click.option(
    "--reencode",
    is_flag=True,
    help="Embed everything again, by --encoder, or by the index's own with what -E changes.",
)
@json_option
@pass_session
def index(session: Session, /, **given: Any) -> None:
    """Index the code under each PATH (default: the current folder).

    The index is made in .codeindex/ at its root: the PATH, or the folder that has them all if
    there are several. Running it again re-does only what changed. It ends with a receipt of what
    was read and what was not.
    """
    from codeindex.errors import NotFoundError
    from codeindex.index import Index
    from codeindex.indexing import UpdateOptions
    from codeindex.location import common_root
    from codeindex.walk_options import WalkOptions

    paths = given["paths"] or (Path(),)
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"no such file or folder: {path}")
    options = UpdateOptions(
        walk=WalkOptions(
            include=tuple(given["include"]),
            exclude=tuple(given["exclude"]),
            everything=given["everything"],
            max_bytes=given["max_bytes"],
        ),
        extractors=extractor_values(session.host, given["extractor_option"]),
        jobs=given["jobs"],
        dry_run=given["dry_run"],
        drop_most=given["yes"],
        optimize=False,  # it is done below, when the receipt is out
        other_encoder=given["reencode"],
    )
    root, place = common_root(paths), session.index_folder(given["index"])
    if place is None and not given["dry_run"]:
        _tell_of_another(session, root)
    with Index.open(
        root,
        index=place,
        create=True,
        encoder=given["encoder"],
        encoder_options=split_assignments(given["encoder_option"]),
        backend=given["backend"],
        backend_options=split_assignments(given["backend_option"]),
        host=session.host,
    ) as opened:
        embedded, started = 0, time.perf_counter()
        if given["reencode"] and not given["dry_run"]:
            with progress_bar(session, "embedding", "snippets") as progress:
                embedded = opened.reencode(progress=progress)
        before = time.perf_counter() - started
        with progress_bar(session, "indexing", "files") as progress:
            receipt = opened.update(paths, options, progress=progress)
        receipt.embedded += embedded
        if given["reencode"] and not given["dry_run"]:
            receipt.reused = max(0, receipt.snippets - receipt.embedded)
        receipt.seconds = round(receipt.seconds + before, 3)
        if given["as_json"]:
            click.echo(json.dumps({"index": str(opened.folder), **receipt.as_json()}))
        elif not session.quiet:
            _print(receipt, opened.folder)
            if given["reencode"] and given["dry_run"]:
                click.echo("reencode  every snippet would be embedded again")
        if given["optimize"] and not given["dry_run"] and opened.needs_optimizing():
            session.say(
                "arranging the vectors for fast search (may take minutes; Ctrl-C is safe: it goes"
                " on searching exactly, and codeindex optimize does it later)"
            )
            opened.optimize()
    _exit(session, receipt, strict=given["strict"])


def _tell_of_another(session: Session, root: Path) -> None:
    """Says so where the tree that is about to have its first index lies in one that has one."""
    from codeindex.errors import NotFoundError
    from codeindex.location import FOLDER, find_index, is_index

    folder = root.absolute() if root.is_dir() else root.absolute().parent
    if is_index(folder / FOLDER):
        return
    with suppress(NotFoundError):
        other = find_index(folder.parent)
        session.say(
            f"note: a new index of {folder} alone; searches from there will use it, no longer the"
            f" one at {other}"
        )


def _exit(session: Session, receipt: Receipt, *, strict: bool) -> None:
    if not receipt.dry_run and not receipt.files_indexed:
        session.say(
            "nothing was indexed: no file here is one that an extractor reads"
            " (codeindex plugins lists them)"
            if not receipt.errors
            else "nothing was indexed: no file could be read"
        )
        click.get_current_context().exit(1)
    if strict and receipt.errors:
        click.get_current_context().exit(1)


def _print(receipt: Receipt, folder: Path) -> None:
    for line in receipt_lines(receipt, folder):
        click.echo(line)


def receipt_lines(receipt: Receipt, folder: Path) -> list[str]:
    """The receipt, for people."""
    lines = [f"index     {folder}"] if receipt.snippets or receipt.files_indexed else []
    if receipt.dry_run:
        lines = [f"dry run   {receipt.root}: nothing was written"]
    lines.append(
        f"files     {receipt.files_seen:,} seen: {receipt.files_new:,} new,"
        f" {receipt.files_changed:,} changed, {receipt.files_unchanged:,} unchanged,"
        f" {receipt.files_removed:,} gone"
        + (f", {receipt.files_moved:,} of them moved" if receipt.files_moved else "")
    )
    for name, count in sorted(receipt.languages.items()):
        done = (
            ""
            if receipt.dry_run
            else f", {count.indexed:,} indexed, {count.skipped:,} not, {count.snippets:,} snippets"
        )
        lines.append(f"          {name}: {count.files:,} files{done}")
    for unit, counts in (("file", receipt.skipped), ("folder", receipt.skipped_folders)):
        for reason, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            plural = "s" if number > 1 else ""
            lines.append(f"skipped   {number:,} {unit}{plural}: {reason}")
    for error in receipt.errors[:_SHOWN_ERRORS]:
        lines.append(f"error     {error.path}: {error.reason}")
    if len(receipt.errors) > _SHOWN_ERRORS:
        rest = len(receipt.errors) - _SHOWN_ERRORS
        lines.append(f"          and {rest:,} more (--json lists all)")
    if not receipt.dry_run:
        lines.append(
            f"snippets  {receipt.snippets:,} in the index: {receipt.snippets_added:,} added,"
            f" {receipt.snippets_removed:,} removed"
        )
        lines.append(
            f"embedded  {receipt.embedded:,} texts, {receipt.reused:,} reused from the cache"
        )
    lines.append(f"seconds   {receipt.seconds:.2f}")
    return lines
