"""Import: an index of vectors that are there, for the encoder that made them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codeindex.embedding.items import LanguageOf
from codeindex.encoder_check import index_fingerprint
from codeindex.encoding import make_encoder
from codeindex.errors import EncoderMismatch, NotFoundError, UsageError
from codeindex.exchange.exporting import PARQUET
from codeindex.exchange.folder_reading import FolderSource
from codeindex.exchange.source import Source, finite, unit_rows
from codeindex.interfaces import Encoder
from codeindex.new_index import Block, NewIndex, row_of
from codeindex.recipes import UNKNOWN_TEXTS, TextRecipe, recipe_named
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

if TYPE_CHECKING:
    from codeindex.indexing import Progress

EXTRACTOR = "import/1"
"""What the sources of such an index are tagged with."""


class NothingToImport(NotFoundError):
    """The source is sound and holds no vector; nothing is written."""


@dataclass(frozen=True, slots=True)
class ImportReceipt:
    """What an import has made.

    Attributes:
        source: the file or folder.
        index: where the index is.
        count, dim: of the vectors.
        scaled: of them, those that were not of length 1 and were brought to it.
        without_code: snippets whose code the source does not have.
        encoder, fingerprint: that the index is searched with.
        trusted: the source does not say what encoder made it; the user has.
        texts: the recipe of the texts.
        seconds: wall time.
    """

    source: str
    index: str
    count: int
    dim: int
    scaled: int
    without_code: int
    encoder: str
    fingerprint: str
    trusted: bool
    texts: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def open_source(path: Path, snippets: Path | None, language_of: LanguageOf) -> Source:
    """The source that a path is: a Parquet file, or a folder of vectors.

    Args:
        snippets: for a folder, the file that was embedded.

    Raises:
        NotFoundError: there is no such thing.
        UsageError: it is not what it should be.
    """
    if path.is_dir():
        return FolderSource(path, snippets, language_of)
    if not path.exists():
        raise NotFoundError(f"no such file or folder: {path}")
    if path.suffix.lower() != PARQUET:
        raise UsageError(
            f"{path} is neither a folder, with code_embeddings.npy and metadata.json, nor a"
            f" *{PARQUET} file"
        )
    if snippets is not None:
        raise UsageError("--snippets is for a folder; a Parquet file has a column for the code")
    from codeindex.exchange.parquet import ParquetSource

    return ParquetSource(path, language_of)


@dataclass(slots=True)
class Import:
    """One run.

    Attributes:
        source: what is imported.
        index: what is made; its encoder is the one that made the vectors.
        trust: take the user's word for that where the source does not say it.
    """

    source: Source
    index: NewIndex
    trust: bool = False
    _scaled: int = field(default=0, init=False)
    _without_code: int = field(default=0, init=False)

    def run(self, progress: Progress | None = None) -> ImportReceipt:
        """Makes the index; killed at any instant, it is there whole or not at all.

        Args:
            progress: called with snippets read and to read.

        Raises:
            NothingToImport: there is nothing; nothing is written.
            EncoderMismatch: the vectors are of another encoder, or nobody says of which.
            UsageError: the source is not what it should be, or the index cannot be there.
            IndexLockedError, StorageError: see `NewIndex.build`.
        """
        started = time.perf_counter()
        source, index = self.source, self.index
        index.check_place(source.path)
        if not source.rows:
            raise NothingToImport(f"nothing to import: {source.path} holds no vectors")
        recipe = recipe_named(source.made_with.recipe) if source.made_with else UNKNOWN_TEXTS
        encoder = make_encoder(index.host, index.encoder, index.encoder_options)
        self._check_encoder(encoder, recipe)
        if not source.whole:
            recipe = UNKNOWN_TEXTS  # what it would make of the snippets is not what was embedded
        place = source.path.absolute()
        facts = {
            "recipe": recipe.name,
            "weight": getattr(recipe, "weight", None),
            "input": str(place),
            "imported": True,
        }
        index.build(encoder, place.parent, facts, self._blocks(recipe, progress))
        return ImportReceipt(
            source=str(source.path),
            index=str(index.folder),
            count=source.rows,
            dim=source.dim,
            scaled=self._scaled,
            without_code=self._without_code,
            encoder=encoder.info.name,
            fingerprint=index_fingerprint(encoder, recipe),
            trusted=source.made_with is None,
            texts=recipe.name,
            seconds=round(time.perf_counter() - started, 3),
        )

    def _check_encoder(self, encoder: Encoder, recipe: TextRecipe) -> None:
        source, name, info = self.source, self.index.encoder, encoder.info
        if source.dim != info.dim:
            raise EncoderMismatch(
                f"{source.path} has vectors of {source.dim} dimensions, encoder {name!r}"
                f" ({info.name}) makes {info.dim}; name the encoder that made them with --encoder"
            )
        said = source.made_with
        if said is None:
            if not self.trust:
                raise EncoderMismatch(
                    f"{source.path} does not say which encoder made its vectors. If you know that"
                    f" it was {name!r} ({info.name}), with the options given, say --trust-encoder:"
                    " with another, every search would give nonsense"
                )
            return
        actual = index_fingerprint(encoder, recipe)
        if said.fingerprint != actual:
            options = " ".join(f"{key}={value}" for key, value in said.options.items())
            raise EncoderMismatch(
                f"{source.path} was made with {said.title or 'an encoder'} ({said.fingerprint[:8]}"
                f"{'; options ' + options if options else ''}), not with {info.name}"
                f" ({actual[:8]}): their vectors cannot be compared; name the encoder that made"
                " them with --encoder and -E"
            )

    def _blocks(self, recipe: TextRecipe, progress: Progress | None) -> Iterator[Block]:
        start = 0
        for snippets, raw in self.source.blocks():
            if self.source.made_with is None:
                finite(self.source, raw, start)
                vectors, scaled = unit_rows(raw)
                self._scaled += scaled
            else:  # the encoder's own, as it promises them
                with np.errstate(over="ignore"):
                    vectors = raw.astype(np.float32)
                finite(self.source, vectors, start)
            yield (
                [
                    _row(snippet, position, recipe, vector)
                    for position, (snippet, vector) in enumerate(
                        zip(snippets, vectors, strict=True), start
                    )
                ],
                vectors,
            )
            self._without_code += sum(not snippet.code for snippet in snippets)
            start += len(snippets)
            if progress is not None:
                progress(start, self.source.rows)


def _row(snippet: Snippet, position: int, recipe: TextRecipe, vector: Embeddings) -> Any:
    """A row of the catalog.

    The digest is of text and vector: in a file of other making one text may have two vectors,
    and each is kept.
    """
    text = "" if recipe is UNKNOWN_TEXTS else recipe.of(snippet)
    data = text.encode("utf-8", "replace") + b"\0" + vector.tobytes()
    digest = hashlib.blake2b(data, digest_size=16).digest()
    return row_of(snippet, position, text, digest, EXTRACTOR)
