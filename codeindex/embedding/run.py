"""Embedding: snippets → vectors, metadata and, where asked for, an index. Can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from codeindex.embedding.context import PaperContext
from codeindex.embedding.inputs import Format, Input
from codeindex.embedding.json_files import write_embeddings, write_metadata
from codeindex.embedding.receipt import EmbeddingReceipt
from codeindex.embedding.work import ENCODER, INPUT, METADATA, RECIPE, VECTORS, Work, check_output
from codeindex.errors import CodeIndexError, NotFoundError, StorageError, UsageError
from codeindex.indexing import Progress
from codeindex.interfaces import Encoder

ROUND = 256
"""Texts given to the encoder together. The vectors do not depend on where a run was stopped,
as rounds always begin at a multiple of it."""

SECONDS_BETWEEN_MARKS = 2.0
"""What a killed run loses at most, beside the round that it was in."""


Stamp = tuple[int, int] | None
"""See `Input.stamp`."""


class NothingToEmbed(NotFoundError):
    """The input is sound, and no code is in it."""


class IndexMaker(Protocol):
    """Makes an index of vectors that are there; see `codeindex.embedding.indexed`."""

    def check(self, output: Path) -> None:
        """Refuses a place where the index cannot be, before any work is done."""

    def make(self, source: Input, work: Work, encoder: Encoder, texts: PaperContext) -> Path:
        """Makes it; where it is."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """One run.

    Attributes:
        source: what is embedded.
        output: the folder to write to.
        texts: how a snippet becomes a text.
        json: a file for vectors and metadata together.
        index: makes the index.
        say: told, for people, why an earlier run is not continued.
        seconds_between_marks: how often progress is made durable.
    """

    source: Input
    output: Path
    texts: PaperContext
    json: Path | None = None
    index: IndexMaker | None = None
    say: Callable[[str], None] = print
    seconds_between_marks: float = SECONDS_BETWEEN_MARKS

    def run(
        self, make_encoder: Callable[[], Encoder], progress: Progress | None = None
    ) -> EmbeddingReceipt:
        """Embeds what an earlier run has not, and puts the files in their place.

        Args:
            make_encoder: called when the input is known to be sound.
            progress: called with items done and to do by this run.

        Raises:
            NothingToEmbed: no code is in the input; nothing is written.
            NotFoundError, UsageError, ExtractionError: the input is not what it should be.
            IndexLockedError: another run writes to the same folder.
            StorageError, OSError: the output cannot be written; what is done is kept.
            PluginError: the encoder failed; what is done is kept.
        """
        started = time.perf_counter()
        self._check_output()
        work = Work(self.output)
        with work.held():
            if self.json is not None and not self.json.parent.is_dir():
                raise StorageError(f"cannot write {self.json}: no folder {self.json.parent}")
            stamp = self.source.stamp()
            digest = self.source.digest()
            rows = write_metadata(self.source.items(), work.metadata)
            if not rows:
                raise NothingToEmbed(_nothing(self.source))
            empty = self.source.empty
            encoder = make_encoder()
            resumed = self._begin(work, digest, rows, encoder)
            try:
                self._encode(work, encoder, resumed, stamp, progress)
            except CodeIndexError:
                self._refuse_change(stamp)  # what was wrong may have come from it
                raise
            self._refuse_change(stamp)
            index = self._finish(work, encoder)
        receipt = self._receipt(encoder, rows, resumed)
        seconds = round(time.perf_counter() - started, 3)
        return replace(receipt, empty=empty, index=index, seconds=seconds)

    def _finish(self, work: Work, encoder: Encoder) -> str | None:
        """Puts the files in their place and makes the index; where that is."""
        work.place()
        if self.json is not None:
            write_embeddings(self.output / METADATA, work.vectors, self.json)
        if self.index is None:
            return None
        return str(self.index.make(self.source, work, encoder, self.texts))

    def _receipt(self, encoder: Encoder, rows: int, resumed: int) -> EmbeddingReceipt:
        return EmbeddingReceipt(
            input=str(self.source.path),
            format=str(self.source.format),
            count=rows,
            dim=encoder.info.dim,
            resumed=resumed,
            encoded=rows - resumed,
            encoder=encoder.info.name,
            fingerprint=encoder.info.fingerprint,
            texts=self.texts.name,
            embeddings=str(self.output / VECTORS),
            metadata=str(self.output / METADATA),
            json=None if self.json is None else str(self.json),
        )

    def _check_output(self) -> None:
        check_output(self.output)
        if self.index is not None:
            self.index.check(self.output)

    def _begin(self, work: Work, digest: str, rows: int, encoder: Encoder) -> int:
        binding = {
            INPUT: [digest, rows],
            ENCODER: [encoder.info.fingerprint, encoder.info.dim],
            RECIPE: self.texts.name,
        }
        resumed, differing = work.begin(binding, rows, encoder.info.dim)
        if differing:
            self.say(f"{differing} changed since the earlier run: embedding begins anew")
        elif resumed:
            self.say(f"{resumed:,} of {rows:,} were embedded by an earlier run")
        return resumed

    def _encode(
        self,
        work: Work,
        encoder: Encoder,
        resumed: int,
        stamp: Stamp,
        progress: Progress | None,
    ) -> None:
        rows = work.vectors.rows
        items = islice(self.source.items(), resumed, None)
        done = marked = resumed
        marked_at = time.monotonic()
        try:
            while done < rows:
                texts = [self.texts.of(item.snippet) for item in islice(items, ROUND)]
                if not texts or done + len(texts) > rows:
                    return  # the input is another than it was: its stamp tells
                work.write(done, encoder.encode_corpus(texts))
                done += len(texts)
                if progress is not None:
                    progress(done - resumed, rows - resumed)
                if time.monotonic() - marked_at >= self.seconds_between_marks:
                    self._refuse_change(stamp)
                    work.mark(done)
                    marked, marked_at = done, time.monotonic()
        finally:  # also after Ctrl-C, or when the encoder failed
            if done > marked and self.source.stamp() == stamp:
                work.mark(done)

    def _refuse_change(self, stamp: Stamp) -> None:
        """Vectors of two states of the input must not meet, nor be taken for those of one."""
        if self.source.stamp() != stamp:
            raise UsageError(f"{self.source.path} was changed while it was read; run it again")


def _nothing(source: Input) -> str:
    if source.format is Format.PAPERS:
        why = "no repository in it is cloned and has code files"
        if source.empty:
            why = f"all of its {source.empty:,} code files are empty"
        return f"{source.path}: nothing to embed: {why}"
    return f"{source.path}: nothing to embed: the list is empty"
