"""IndexFromVectors: the index of an embedding run; nothing is embedded twice for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from codeindex.embedding.context import PaperContext
from codeindex.embedding.inputs import Input
from codeindex.embedding.work import Work
from codeindex.errors import UsageError
from codeindex.extraction import text_digest
from codeindex.interfaces import Encoder
from codeindex.new_index import Block, NewIndex, row_of

_CHUNK = 1500  # snippets a transaction

EXTRACTOR = "embed/1"
"""What the sources of such an index are tagged with."""


class IndexFromVectors(NewIndex):
    """Makes the index of an `Embedding`."""

    __slots__ = ()

    def check(self, output: Path) -> None:
        """Refuses a place where it cannot be; see `NewIndex.check_place`."""
        self.check_place(output)

    def make(self, source: Input, work: Work, encoder: Encoder, texts: PaperContext) -> Path:
        """Makes it; see `NewIndex.build`."""
        input_path = source.path.absolute()
        facts = {"recipe": texts.name, "weight": texts.weight, "input": str(input_path)}
        return self.build(encoder, input_path.parent, facts, _blocks(source, work, texts))


def _blocks(source: Input, work: Work, texts: PaperContext) -> Iterator[Block]:
    items = source.items()
    start = 0
    while chunk := list(islice(items, _CHUNK)):
        rows = []
        for position, item in enumerate(chunk, start):
            text = texts.of(item.snippet)
            rows.append(row_of(item.snippet, position, text, text_digest(text), EXTRACTOR))
        yield rows, work.vectors.read(start, start + len(chunk))
        start += len(chunk)
    if start != work.vectors.rows:
        raise UsageError(f"{source.path} was changed while it was read; run it again")
