"""A temporary index of the snippets of another one: without docstrings, or by another encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from codeindex.catalog.catalog import Catalog
from codeindex.encoding import make_encoder, placed_options
from codeindex.errors import UsageError
from codeindex.evaluation.undocumented import undocumented
from codeindex.extraction import text_digest
from codeindex.index import Index
from codeindex.interfaces import Encoder
from codeindex.location import CATALOG
from codeindex.new_index import Block, NewIndex, row_of
from codeindex.recipes import TextRecipe, recipe_of
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

if TYPE_CHECKING:
    from codeindex.indexing import Progress

_CHUNK = 1500  # snippets a transaction
_EXTRACTOR = "eval/1"


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """An encoder by name, with option values; no name: the one of the index."""

    name: str | None = None
    options: Mapping[str, Any] | None = None


OWN_ENCODER = EncoderChoice()


@contextmanager
def temporary_index(
    index: Index,
    *,
    without_docstrings: bool,
    encoder: EncoderChoice = OWN_ENCODER,
    progress: Progress | None = None,
) -> Iterator[Index]:
    """An index of all snippets of `index`, in a temporary folder that is deleted afterwards.

    It is made by the same recipe of texts; a text that is the same by the same encoder keeps
    its vector, every other one is embedded. It has the default backend, with its defaults.

    Args:
        without_docstrings: searches neither docstrings nor their words, see `undocumented`.
        encoder: another one.
        progress: is told of (snippets done, all).

    Raises:
        NotFoundError, OptionError, PluginError: there is no such encoder or option.
        UsageError: nobody knows how the texts of the index were made.
    """
    change = undocumented if without_docstrings else _same
    with (
        closing(Catalog(index.folder / CATALOG, readonly=True)) as catalog,
        TemporaryDirectory(prefix="codeindex-eval-") as folder,
    ):
        manifest = catalog.manifest()
        if not manifest.get("encoder"):
            raise UsageError(f"the index at {index.folder} holds no vectors yet")
        own = manifest["encoder"]
        if encoder.name is None:
            name, options = own["name"], placed_options(own["options"], index.folder)
            source = _Vectors(index.encoder(), recipe_of(manifest), catalog, int(own["row"]))
        else:
            name, options = encoder.name, dict(encoder.options or {})
            source = _Vectors(make_encoder(index.host, name, options), recipe_of(manifest))
        new = NewIndex(Path(folder) / "index", index.host, name, options, None, {})
        texts = manifest.get("texts") or {"recipe": source.recipe.name, "input": str(index.root)}
        blocks = _blocks(catalog, source, change, progress)
        place = new.build(source.encoder, index.root, texts, blocks)
        with Index.open(index=place, host=index.host) as opened:
            yield opened


@dataclass(frozen=True, slots=True)
class _Vectors:
    """Where the vectors of changed snippets come from.

    Attributes:
        catalog, row: of the encoder's vectors that are there already, if there are any.
    """

    encoder: Encoder
    recipe: TextRecipe
    catalog: Catalog | None = None
    row: int = 0

    def of(self, chunk: Sequence[tuple[int, Snippet]], texts: Sequence[str]) -> Embeddings:
        """Vectors (n, dim) of the texts that snippets have now."""
        dim = self.encoder.info.dim
        vectors = np.zeros((len(chunk), dim), dtype=np.float32)
        missing = np.ones(len(chunk), dtype=bool)
        if self.catalog is not None:
            # A vector is that of the text that the snippet had: of this one, if it is the same.
            rows = {
                id: row
                for row, ((id, snippet), text) in enumerate(zip(chunk, texts, strict=True))
                if self.recipe.of(snippet) == text
            }
            found, known = self.catalog.vectors(self.row, dim, list(rows))
            places = [rows[id] for id in found]
            vectors[places] = known
            missing[places] = False
        if missing.any():
            places = np.flatnonzero(missing).tolist()
            vectors[places] = self.recipe.encode(self.encoder, [texts[place] for place in places])
        return vectors


def _same(snippet: Snippet) -> Snippet:
    return snippet


def _blocks(
    catalog: Catalog,
    source: _Vectors,
    change: Callable[[Snippet], Snippet],
    progress: Progress | None,
) -> Iterator[Block]:
    """Changed snippets with their vectors."""
    total = catalog.count("snippets")
    every = catalog.iterate()
    done = 0
    while chunk := list(islice(every, _CHUNK)):
        changed = [change(snippet) for _, snippet in chunk]
        texts = [source.recipe.of(snippet) for snippet in changed]
        rows = [
            row_of(snippet, position, text, text_digest(text), _EXTRACTOR)
            for position, (snippet, text) in enumerate(zip(changed, texts, strict=True), done)
        ]
        yield rows, source.of(chunk, texts)
        done += len(chunk)
        if progress is not None:
            progress(done, total)
