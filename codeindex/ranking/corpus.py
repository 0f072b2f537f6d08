"""Corpus: what is searched, as the search sees it: an index, or a store that is attached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from codeindex.filters import Filter
from codeindex.interfaces import Hit
from codeindex.ranking.background import Background, measured, usual
from codeindex.ranking.place import Place, place_of
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

if TYPE_CHECKING:
    from codeindex.lexical.scores import LexicalScores
    from codeindex.store import Store

_SAMPLE = 128
_MOST_PLACES = 50_000


class Corpus(Protocol):
    """What is searched."""

    def nearest(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """As `IndexBackend.search`."""
        ...

    def lexical(self, words: Sequence[str]) -> LexicalScores | None:
        """What the words give to each snippet; None where no words are kept."""
        ...

    def places(self, ids: Sequence[int]) -> Mapping[int, Place]:
        """Where snippets stand, by id; one that is not there is left out."""
        ...

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """Snippets by id; one that is not there is left out."""
        ...

    def background(self, dim: int) -> Background:
        """Cosines of what has nothing to do with each other in it."""
        ...


class IndexCorpus:
    """An index folder. Places and the background are read once."""

    def __init__(self, store: Store) -> None:
        """Takes the open folder."""
        self._store = store
        # The place of an id never changes: it is part of the key, and ids are not used again.
        self._places: dict[int, Place] = {}
        self._background: tuple[str, Background] | None = None

    def nearest(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """See `Corpus`."""
        return self._store.backend().search(queries, k, where)

    def lexical(self, words: Sequence[str]) -> LexicalScores:
        """See `Corpus`."""
        return self._store.catalog.lexical(words)

    def places(self, ids: Sequence[int]) -> Mapping[int, Place]:
        """See `Corpus`."""
        known = self._places
        unknown = [id for id in ids if id not in known]
        if unknown:
            if len(known) > _MOST_PLACES:
                known.clear()
                unknown = list(ids)
            found = self._store.catalog.places(unknown)
            known.update(found)
            if len(found) < len(unknown):
                self._store.snippets(unknown)  # tells whether that is damage
        return known

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """See `Corpus`."""
        return self._store.snippets(ids)

    def background(self, dim: int) -> Background:
        """See `Corpus`."""
        encoder = self._store.catalog.manifest()["encoder"]
        if self._background is None or self._background[0] != encoder["fingerprint"]:
            vectors = self._store.catalog.spread_vectors(encoder["row"], dim, _SAMPLE)
            self._background = encoder["fingerprint"], measured(vectors, dim)
        return self._background[1]


class Shelf(Protocol):
    """What an attached store answers."""

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """As `IndexBackend.search`."""
        ...

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """Snippets by id; an id that is not there is left out."""
        ...


class AttachedCorpus:
    """A store without an index folder: it keeps vectors and snippets, and no words."""

    def __init__(self, store: Shelf) -> None:
        """Takes the store."""
        self._store = store

    def nearest(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """See `Corpus`."""
        return self._store.search(queries, k, where)

    def lexical(self, words: Sequence[str]) -> None:
        """See `Corpus`."""
        return

    def places(self, ids: Sequence[int]) -> Mapping[int, Place]:
        """See `Corpus`."""
        return {
            id: place_of(snippet.path, snippet.kind, snippet.name)
            for id, snippet in self.snippets(ids).items()
        }

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """See `Corpus`."""
        return self._store.snippets(ids)

    def background(self, dim: int) -> Background:
        """See `Corpus`."""
        return usual(dim)
