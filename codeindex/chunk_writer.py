"""ChunkWriter: the new state of some files into the catalog, with the vectors they need."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from codeindex.catalog.catalog import Catalog
from codeindex.catalog.rows import IncomingSnippet, SourceRow
from codeindex.extraction import Extracted
from codeindex.interfaces import Encoder
from codeindex.receipt import Receipt
from codeindex.recipes import SOURCE_TEXTS
from codeindex.vectors import Embeddings

RACY_NS = 2_000_000_000
"""A file changed this shortly before it was read may change again within the clock's grain;
its time is not trusted and it is read again next time (as git does for its index)."""


class EncoderUser(Protocol):
    """What the run needs of an index's encoder; it is made only when a text is to be embedded."""

    def get(self) -> Encoder:
        """The encoder."""

    def row(self) -> int:
        """Its row in the catalog."""


class ChunkWriter:
    """Writes chunk after chunk of one run, a transaction each, and counts in its receipt."""

    def __init__(
        self,
        catalog: Catalog,
        source: EncoderUser,
        receipt: Receipt,
        moved: Mapping[str, SourceRow],
        tag: Callable[[str], str],
    ) -> None:
        """Takes where to write.

        Args:
            moved: path of a new file → the vanished source that held the same bytes.
            tag: extractor name → what a source it reads is tagged with.
        """
        self._catalog = catalog
        self._source = source
        self._receipt = receipt
        self._moved = moved
        self._tag = tag
        self._started_ns = time.time_ns()

    def store(self, chunk: Sequence[Extracted]) -> None:
        """One transaction: the new state of some files, with the vectors they need."""
        incoming = {item.text_digest: item for extracted in chunk for item in extracted.snippets}
        digests, vectors = self._embed(incoming, chunk)
        with self._catalog.transaction():
            if len(digests):
                self._catalog.add_vectors(self._source.row(), digests, vectors)
            self._store_sources(chunk)

    def _embed(
        self, incoming: Mapping[bytes, IncomingSnippet], chunk: Sequence[Extracted]
    ) -> tuple[list[bytes], Embeddings]:
        """Vectors of the texts that were never embedded, computed outside any transaction."""
        nothing = np.zeros((0, 0), dtype=np.float32)
        if not incoming:
            return [], nothing
        row = self._source.row()
        known = self._catalog.known_texts(row, list(incoming))
        if self._moved:
            known |= self._carry_over(row, known, chunk)
        missing = [digest for digest in incoming if digest not in known]
        self._receipt.embedded += len(missing)
        self._receipt.reused += len(known)
        if not missing:
            return [], nothing
        texts = [incoming[digest].text for digest in missing]
        vectors = SOURCE_TEXTS.encode(self._source.get(), texts)
        return missing, vectors

    def _carry_over(
        self, encoder: int, known: set[bytes], chunk: Sequence[Extracted]
    ) -> set[bytes]:
        """Gives the snippets of a moved file the vectors that they had at its old path.

        The embedded text starts with words of the path, so it differs after a move; the
        vector of the old text is so near that embedding again is not worth its cost.
        """
        carried: set[bytes] = set()
        for extracted in chunk:
            origin = self._moved.get(extracted.candidate.path)
            if origin is None:
                continue
            texts = self._catalog.moved_texts(origin.id)
            with self._catalog.transaction():
                for item in extracted.snippets:
                    _, _, kind, name, _, _, code, _, _ = item.values
                    old = texts.get((kind, name, code))
                    if item.text_digest in known or old is None:
                        continue
                    if self._catalog.copy_vector(encoder, old, item.text_digest):
                        carried.add(item.text_digest)
        return carried

    def _store_sources(self, chunk: Sequence[Extracted]) -> None:
        receipt = self._receipt
        every = [(self._row(extracted), extracted) for extracted in chunk]
        # Of bytes that cannot be read now, the old snippets are the best that is known.
        kept = [row.path for row, it in every if it.unreadable and self._catalog.count_of(row.path)]
        pairs = [(row, extracted) for row, extracted in every if row.path not in kept]
        touched = [row for row, extracted in pairs if extracted.unchanged]
        self._catalog.touch_sources(touched)
        receipt.files_changed -= len(touched)
        receipt.files_unchanged += len(touched)
        added, removed = self._catalog.put_sources(
            [(row, extracted.snippets) for row, extracted in pairs if not extracted.unchanged]
        )
        receipt.snippets_added += added
        receipt.snippets_removed += removed
        for row, extracted in every:
            if extracted.unchanged:
                receipt.indexed(row.language, self._catalog.count_of(row.path))
            elif extracted.skipped is None:
                receipt.indexed(row.language, len(extracted.snippets))
            else:
                reason = extracted.skipped
                if row.path in kept:
                    reason = f"{reason}; what the index has of it stays"
                receipt.unreadable(row.path, row.language, reason)

    def _row(self, extracted: Extracted) -> SourceRow:
        candidate = extracted.candidate
        return SourceRow(
            id=0,
            path=candidate.path,
            language=candidate.language,
            extractor=self._tag(candidate.extractor),
            size=candidate.size,
            mtime_ns=self._trusted(candidate.mtime_ns),
            ctime_ns=candidate.ctime_ns,
            digest=extracted.digest,
            skipped=extracted.skipped,
        )

    def _trusted(self, mtime_ns: int) -> int:
        return mtime_ns if mtime_ns < self._started_ns - RACY_NS else -1
