"""IndexFromVectors: a searchable index of snippets whose vectors are there already."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from codeindex.catalog.catalog import Catalog
from codeindex.catalog.rows import IncomingSnippet, SourceRow, snippet_values
from codeindex.catalog.words import words_of
from codeindex.derived import DerivedIndex
from codeindex.embedding.context import PaperContext
from codeindex.embedding.inputs import Input
from codeindex.embedding.items import Item
from codeindex.embedding.work import Work
from codeindex.encoding import IndexEncoder
from codeindex.errors import UsageError
from codeindex.extraction import text_digest
from codeindex.files import sync
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.location import CATALOG, is_index, make_folder
from codeindex.locking import writing
from codeindex.snippet import snippet_key
from codeindex.store import Store

_CHUNK = 1500  # snippets a transaction

EXTRACTOR = "embed/1"
"""What the sources of such an index are tagged with."""


@dataclass(frozen=True, slots=True)
class IndexFromVectors:
    """Makes an index anew and puts it in the place of an older one of the same making.

    Attributes:
        folder: where the index is to be.
        host: the plugins.
        encoder, encoder_options: by name, as searches are to make it again.
        backend, backend_options: by name, or None for the default.
    """

    folder: Path
    host: Host
    encoder: str
    encoder_options: Mapping[str, Any]
    backend: str | None
    backend_options: Mapping[str, Any]

    def check(self, output: Path) -> None:
        """Refuses a place that holds something else, and a backend that cannot be made.

        Raises:
            UsageError: the folder is the output's, or holds files or another index.
            NotFoundError, OptionError, PluginError: see `DerivedIndex.choice`.
        """
        folder = self.folder
        if folder.absolute() in (output.absolute(), *output.absolute().parents):
            raise UsageError(
                f"the index needs a folder of its own, not {folder}; for example {output / 'index'}"
            )
        if is_index(folder):
            if not _manifest(folder).get("texts"):
                raise UsageError(
                    f"the index at {folder} is one of source files, made by codeindex index;"
                    " name another --index"
                )
        elif folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty and holds no index; name another --index")
        DerivedIndex(self.host, folder, self.backend, self.backend_options).choice({})

    def make(self, source: Input, work: Work, encoder: Encoder, texts: PaperContext) -> Path:
        """Makes the index beside its place, then puts it there. Nothing is embedded.

        Killed at any instant, the old index or the new one is there, or, between two renames,
        none; the next run makes it again.

        Raises:
            IndexLockedError: another process is writing to the old index, or making the new one.
            StorageError: it cannot be written.
        """
        folder = Path(os.path.abspath(self.folder))
        draft = folder.with_name(f".{folder.name}.new")
        make_folder(draft)
        with writing(draft):
            try:
                for name in ("index", "old"):  # of a run that was killed
                    shutil.rmtree(draft / name, ignore_errors=True)
                self._build(draft / "index", folder, source, work, encoder, texts)
                _exchange(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return self.folder

    def _build(
        self,
        draft: Path,
        folder: Path,
        source: Input,
        work: Work,
        encoder: Encoder,
        texts: PaperContext,
    ) -> None:
        store = Store(draft, self.host, draft, self.backend, self.backend_options)
        with closing(store), store.writing() as catalog:
            with catalog.transaction():
                input_path = source.path.absolute()
                catalog.set_manifest(
                    {
                        # As seen from where the index will be.
                        "root": os.path.relpath(input_path.parent, folder),
                        "texts": {
                            "recipe": texts.name,
                            "weight": texts.weight,
                            "input": str(input_path),
                        },
                        "updated_at": time.time(),
                    }
                )
            bound = IndexEncoder(self.host, store, self.encoder, self.encoder_options)
            with catalog.transaction():
                row = catalog.encoder_id(encoder.info, bound.fingerprint(encoder))
            bound.bind(encoder, row)
            items = source.items()
            start = 0
            while chunk := list(islice(items, _CHUNK)):
                rows = [_row(item, position, texts) for position, item in enumerate(chunk, start)]
                vectors = work.vectors.read(start, start + len(chunk))
                with catalog.transaction():
                    catalog.add_vectors(row, [item.text_digest for _, item in rows], vectors)
                    catalog.append(rows)
                start += len(chunk)
            if start != work.vectors.rows:
                raise UsageError(f"{source.path} was changed while it was read; run it again")
            store.bring_up_to_date()


def _manifest(folder: Path) -> dict[str, Any]:
    catalog = Catalog(folder / CATALOG, readonly=True)
    try:
        return catalog.manifest()
    finally:
        catalog.close()


def _exchange(draft: Path, folder: Path) -> None:
    """Puts ``draft/index`` in the place of `folder`."""
    old = draft / "old"
    if is_index(folder):
        with writing(folder):
            folder.rename(old)
    elif folder.is_dir():
        folder.rmdir()  # refuses if something has come into it
    try:
        (draft / "index").rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    sync(folder.parent)


def _row(item: Item, position: int, texts: PaperContext) -> tuple[SourceRow, IncomingSnippet]:
    """A snippet and its source as the catalog takes them."""
    snippet = item.snippet
    text = texts.of(snippet)
    source = SourceRow(
        id=0,
        path=snippet.path,
        language=snippet.language,
        extractor=EXTRACTOR,
        size=0,
        mtime_ns=-1,
        ctime_ns=-1,
        digest=b"",
        skipped=None,
    )
    incoming = IncomingSnippet(
        # The same code of the same repository may stand under several papers: the position
        # in the input tells them apart.
        key=snippet_key(snippet, position),
        values=snippet_values(snippet),
        text=text,
        text_digest=text_digest(text),
        words=words_of(snippet),
    )
    return source, incoming
