"""NewIndex: a searchable index of snippets whose vectors are there already."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeindex.backend_choice import BackendChoice
from codeindex.catalog.catalog import Catalog
from codeindex.catalog.rows import IncomingSnippet, SourceRow, snippet_values
from codeindex.encoding import IndexEncoder
from codeindex.errors import UsageError
from codeindex.files import sync
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.location import CATALOG, is_index, kept_root, make_folder
from codeindex.locking import writing
from codeindex.snippet import Snippet, snippet_key
from codeindex.store import Store
from codeindex.vectors import Embeddings

Row = tuple[SourceRow, IncomingSnippet]
"""A source, and a snippet of it."""

Block = tuple[Sequence[Row], Embeddings]
"""Snippets and their vectors (n, dim), in one order."""


@dataclass(frozen=True, slots=True)
class NewIndex:
    """Makes an index anew and puts it in the place of an older one of the same making.

    Attributes:
        folder: where the index is to be.
        host: the plugins.
        encoder, encoder_options: by name, as searches are to make it again.
        backend, backend_options: by name, or None for the default.
        option: what names the folder, for messages.
    """

    folder: Path
    host: Host
    encoder: str
    encoder_options: Mapping[str, Any]
    backend: str | None
    backend_options: Mapping[str, Any]
    option: str = "--index"

    def check_place(self, other: Path) -> None:
        """Refuses a place that holds something else, and a backend that cannot be made.

        Args:
            other: a file or folder that must not be within the index's.

        Raises:
            UsageError: the folder holds `other`, or files, or another index.
            NotFoundError, OptionError, PluginError: see `BackendChoice.of`.
        """
        folder = self.folder
        if folder.absolute() in (other.absolute(), *other.absolute().parents):
            raise UsageError(
                f"the index needs a folder of its own, not {folder}; for example {other / 'index'}"
            )
        if is_index(folder):
            if not _manifest(folder).get("texts"):
                raise UsageError(
                    f"the index at {folder} is one of source files, made by codeindex index;"
                    f" name another {self.option}"
                )
        elif folder.is_dir() and any(folder.iterdir()):
            raise UsageError(
                f"{folder} is not empty and holds no index; name another {self.option}"
            )
        elif folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; {self.option} names a folder")
        BackendChoice(self.host, folder, self.backend, self.backend_options).of({})

    def build(
        self,
        encoder: Encoder,
        root: Path,
        texts: Mapping[str, Any],
        blocks: Iterable[Block],
    ) -> Path:
        """Makes the index beside its place, then puts it there. Nothing is embedded.

        Killed at any instant, the old index or the new one is there, or, between two renames,
        none; the next run makes it again.

        Args:
            encoder: the one that made the vectors.
            root: what the paths of the snippets are relative to.
            texts: what the manifest says of the texts, see `codeindex.recipes`.
            blocks: the snippets, so many a transaction.

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
                # As seen from where the index will be.
                facts = {"root": kept_root(root, folder), "texts": dict(texts)}
                self._fill(draft / "index", facts, encoder, blocks)
                _exchange(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return self.folder

    def _fill(
        self, draft: Path, facts: Mapping[str, Any], encoder: Encoder, blocks: Iterable[Block]
    ) -> None:
        store = Store(draft, self.host, draft, self.backend, self.backend_options)
        with closing(store), store.writing() as catalog:
            with catalog.transaction():
                catalog.set_manifest({**facts, "updated_at": time.time()})
            bound = IndexEncoder(self.host, store, self.encoder, self.encoder_options)
            with catalog.transaction():
                row = catalog.encoder_id(encoder.info, bound.fingerprint(encoder))
            bound.bind(encoder, row)
            for rows, vectors in blocks:
                with catalog.transaction():
                    catalog.add_vectors(row, [item.text_digest for _, item in rows], vectors)
                    catalog.append(rows)
            with catalog.transaction():
                catalog.tidy()
            store.bring_up_to_date()
            if store.derived.needs_optimizing():
                store.derived.optimize(catalog)


def row_of(snippet: Snippet, position: int, text: str, digest: bytes, extractor: str) -> Row:
    """A snippet and its source as the catalog takes them.

    Args:
        position: how many came before it. The same code may stand in one index twice, under
            two papers: the position tells them apart.
        text: what was embedded.
        digest: stands for it; the vector is kept under it.
        extractor: what the source is tagged with.
    """
    source = SourceRow(
        id=0,
        path=snippet.path,
        language=snippet.language,
        extractor=extractor,
        size=0,
        mtime_ns=-1,
        ctime_ns=-1,
        digest=b"",
        skipped=None,
    )
    incoming = IncomingSnippet(
        key=snippet_key(snippet, position),
        values=snippet_values(snippet),
        text=text,
        text_digest=digest,
    )
    return source, incoming


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
