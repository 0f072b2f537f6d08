"""Vectors of an index with their snippets, block by block: memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from codeindex.catalog.catalog import Catalog
from codeindex.errors import DamagedIndexError
from codeindex.exchange.made_with import MadeWith
from codeindex.filters import Filter
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

ROWS = 2048
"""Snippets in a block: some MB of vectors and code."""


class Block(NamedTuple):
    """Ids, snippets and vectors (n, dim), in one order."""

    ids: list[int]
    snippets: list[Snippet]
    vectors: Embeddings


class IndexedVectors:
    """Those of a catalog that satisfy a filter, by id. To be used inside `Catalog.snapshot`.

    Attributes:
        ids: of the snippets, ascending.
        made_with: what the index says of its encoder; None if nothing was ever embedded.
    """

    def __init__(self, catalog: Catalog, where: Filter) -> None:
        """Finds out what there is.

        Raises:
            DamagedIndexError: a snippet has no vector.
        """
        self._catalog = catalog
        manifest = catalog.manifest()
        self.made_with: MadeWith | None = None
        self.ids: list[int] = []
        self._row = 0
        if not manifest.get("encoder"):
            return
        self.made_with = MadeWith.of_manifest(manifest)
        self._row = int(manifest["encoder"]["row"])
        lacking = catalog.snippets_without_vector(self._row, self.made_with.dim)
        if lacking:
            raise DamagedIndexError(
                f"{len(lacking)} snippets of {catalog.path.parent} have no vector; make them with:"
                f" codeindex verify --repair --index {catalog.path.parent}"
            )
        self.ids = _matching(catalog, where)

    def blocks(self) -> Iterator[Block]:
        """All of them."""
        dim = self.made_with.dim if self.made_with else 0
        for start in range(0, len(self.ids), ROWS):
            ids = self.ids[start : start + ROWS]
            snippets = self._catalog.snippets(ids)
            _, vectors = self._catalog.vectors(self._row, dim, ids)
            yield Block(ids, [snippets[id] for id in ids], vectors)


def _matching(catalog: Catalog, where: Filter) -> list[int]:
    ids = catalog.snippet_ids()
    if not where:
        return ids
    found = []
    for start in range(0, len(ids), ROWS):
        payloads = catalog.payloads(ids[start : start + ROWS])
        found += [id for id in ids[start : start + ROWS] if where.matches(payloads[id])]
    return found
