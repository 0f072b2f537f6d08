"""Export: the vectors of an index as files that other programs read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex.catalog.catalog import Catalog
from codeindex.embedding.work import METADATA, VECTORS, check_output
from codeindex.errors import NotFoundError, UsageError
from codeindex.exchange.blocks import Block, IndexedVectors
from codeindex.exchange.folder_writing import EXPORTED, write_folder
from codeindex.filters import Filter
from codeindex.location import CATALOG

if TYPE_CHECKING:
    from codeindex.indexing import Progress

PARQUET = ".parquet"
"""The suffix of a file that is Parquet; what has another is a folder."""


class NothingToExport(NotFoundError):
    """No snippet is in the index, or none that is asked for; nothing is written."""


@dataclass(frozen=True, slots=True)
class ExportReceipt:
    """What an export has written.

    Attributes:
        index: where the vectors are from.
        output: the file or folder.
        count, dim: of the vectors.
        encoder, fingerprint, texts: what made them, see `MadeWith`.
        seconds: wall time.
    """

    index: str
    output: str
    count: int
    dim: int
    encoder: str
    fingerprint: str
    texts: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Export:
    """One run.

    Attributes:
        index: folder of the index; it is only read.
        output: a file whose name ends in ``.parquet``, or a folder.
        where: which snippets.
        replace: an older export may be there already.
    """

    index: Path
    output: Path
    where: Filter
    replace: bool = False

    def run(self, progress: Progress | None = None) -> ExportReceipt:
        """Writes the files whole or not at all.

        Args:
            progress: called with snippets written and to write.

        Raises:
            NothingToExport: there is nothing; nothing is written.
            UsageError: the output cannot be there, or is there, or pyarrow is not installed.
            IndexStateError: the index cannot be read, or the output not be written.
        """
        started = time.perf_counter()
        self._check_output()
        catalog = Catalog(self.index / CATALOG, readonly=True)
        with closing(catalog), catalog.snapshot():
            vectors = IndexedVectors(catalog, self.where)
            made_with = vectors.made_with
            if made_with is None or not vectors.ids:
                raise NothingToExport(self._nothing(catalog.count("snippets")))
            blocks = _counted(vectors, progress)
            if self._parquet:
                from codeindex.exchange.parquet import write_parquet

                write_parquet(self.output, made_with, blocks)
            else:
                write_folder(self.output, made_with, len(vectors.ids), blocks)
        return ExportReceipt(
            index=str(self.index),
            output=str(self.output),
            count=len(vectors.ids),
            dim=made_with.dim,
            encoder=made_with.title,
            fingerprint=made_with.fingerprint,
            texts=made_with.recipe,
            seconds=round(time.perf_counter() - started, 3),
        )

    @property
    def _parquet(self) -> bool:
        return self.output.suffix.lower() == PARQUET

    def _check_output(self) -> None:
        place = self.output.absolute()
        if self.index.absolute() in (place, *place.parents):
            raise UsageError(f"{self.output} lies in the index; name another place with -o")
        if not self._parquet:
            self._check_ending()
            check_output(self.output)
        elif self.output.is_dir():
            raise UsageError(f"{self.output} is a folder, where a Parquet file is to be")
        kept = [self.output] if self._parquet else [self.output / name for name in EXPORTED]
        there = [path for path in kept if path.exists()]
        if there and not self.replace:
            raise UsageError(
                f"{there[0]} is there already; replace it with --overwrite, or name another"
            )

    def _check_ending(self) -> None:
        """A folder may have a dot in its name; but who writes one most likely means a file."""
        if self.output.suffix and not self.output.is_dir():
            raise UsageError(
                f"{self.output}: {self.output.suffix!r} is no format that is written; name a file"
                f" *{PARQUET}, or a folder for {VECTORS} and {METADATA} (if one with a dot in its"
                " name is meant, make it first)"
            )

    def _nothing(self, snippets: int) -> str:
        if snippets:
            return f"nothing to export: none of the {snippets:,} snippets in {self.index} matches"
        return f"nothing to export: {self.index} holds no snippets"


def _counted(vectors: IndexedVectors, progress: Progress | None) -> Iterator[Block]:
    done = 0
    for block in vectors.blocks():
        yield block
        done += len(block.ids)
        if progress is not None:
            progress(done, len(vectors.ids))
