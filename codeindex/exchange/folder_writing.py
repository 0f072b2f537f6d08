"""``code_embeddings.npy`` and ``metadata.json`` of an index's vectors, and what made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from codeindex.catalog.rows import snippet_values
from codeindex.embedding.json_files import write_list
from codeindex.embedding.vector_file import VectorFile
from codeindex.embedding.work import METADATA, VECTORS, Work
from codeindex.exchange.blocks import Block
from codeindex.exchange.entries import OWN
from codeindex.exchange.made_with import MadeWith
from codeindex.files import sync, write_whole
from codeindex.snippet import Snippet
from codeindex.snippets_json import as_row

MADE_WITH = "made_with.json"
EXPORTED = (VECTORS, METADATA, MADE_WITH)
"""The files of an export."""


def write_folder(output: Path, made_with: MadeWith, rows: int, blocks: Iterable[Block]) -> None:
    """Writes the three files beside their places, then puts them there.

    Where a ``metadata.json`` stands, it belongs to the vectors beside it, whenever the process
    may end: the old one goes first, the new one comes last.

    Args:
        rows: how many vectors the blocks hold together.

    Raises:
        StorageError, OSError: they cannot be written.
        IndexLockedError: another process writes there, this or ``codeindex embed``.
    """
    work = Work(output)
    with work.held():
        # Not the names of an embedding run, which would take them for its own.
        vectors, metadata, made = (
            work.folder / name for name in ("exported.npy", "exported.json", MADE_WITH)
        )
        try:
            file = VectorFile.create(vectors, rows, made_with.dim)
            write_list(_entries(file, blocks), metadata)
            file.sync()
            write_whole(made, json.dumps(_receipt(made_with, file), indent=2) + "\n")
            (output / METADATA).unlink(missing_ok=True)
            vectors.replace(output / VECTORS)
            made.replace(output / MADE_WITH)
            metadata.replace(output / METADATA)
            sync(output)
        finally:
            for path in (vectors, metadata, made):
                with suppress(OSError):
                    path.unlink(missing_ok=True)


def _entries(file: VectorFile, blocks: Iterable[Block]) -> Iterator[dict[str, Any]]:
    """The metadata of each block, whose vectors are written first."""
    start = 0
    for block in blocks:
        file.write(start, block.vectors)
        start += len(block.ids)
        yield from map(entry_of, block.snippets)


def entry_of(snippet: Snippet) -> dict[str, Any]:
    """An entry of ``metadata.json``: the workflow's fields, and all that they leave out."""
    row = as_row(snippet)
    del row["code_text"]
    documented = row["has_docstring"] or snippet.extra.get("has_docstring") is True
    # An extractor may have put anything there; the workflow's readers expect texts.
    texts = {key: str(row[key]) for key in row if key.startswith(("paper_", "repo_", "file_"))}
    own = {
        "path": snippet.path,
        "language": snippet.language,
        "kind": snippet.kind,
        "code": snippet.code,
        "docstring": snippet.docstring,
        # As a text: it may hold what some parsers of JSON refuse, NaN or half a surrogate pair.
        "extra": snippet_values(snippet)[-1],
    }
    return row | texts | {"has_docstring": documented, OWN: own}


def _receipt(made_with: MadeWith, file: VectorFile) -> dict[str, Any]:
    with file.path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    facts = {"file": VECTORS, "rows": file.rows, "dim": file.dim, "sha256": digest}
    return made_with.as_json() | {"vectors": facts}
