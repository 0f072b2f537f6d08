"""Catalog: sources, snippets, vectors, words and outbox behind one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from codeindex.catalog import places as place_table
from codeindex.catalog import snippets as snippet_table
from codeindex.catalog import sources as source_table
from codeindex.catalog import vectors as vector_table
from codeindex.catalog.connection import translated
from codeindex.catalog.file import CatalogFile
from codeindex.catalog.rows import (
    CHECKED_COLUMNS,
    IncomingSnippet,
    OutboxRow,
    SourceRow,
    checked_snippet,
    snippet_values,
)
from codeindex.catalog.soundness import problems
from codeindex.catalog.word_index import WordIndex
from codeindex.catalog.words import WORDS_RECIPE
from codeindex.filters import Filter, Payload
from codeindex.interfaces import EncoderInfo
from codeindex.lexical.merging import AT_REST
from codeindex.lexical.scores import LexicalScores, Mask
from codeindex.lexical.weights import FieldWeights
from codeindex.ranking.place import Place
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

_REBUILT = 1500  # snippets whose words are made anew at a time


class Catalog(CatalogFile):
    """The truth about an index. Not shared between threads.

    Writing methods are to be called inside `transaction()`; what they do is atomic with it.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        """See `CatalogFile`; words that were made by another recipe are made anew."""
        super().__init__(path, readonly=readonly)
        try:
            self._words = WordIndex(self._connection)
            if not readonly and self.manifest().get("words_recipe") != WORDS_RECIPE:
                with self.transaction():
                    self.rebuild_words()
        except BaseException:
            self.close()
            raise

    def _forget(self) -> None:
        super()._forget()
        self._words.forget()

    # -- sources and snippets ---------------------------------------------------------------

    def sources(self) -> dict[str, SourceRow]:
        """Every source by its path."""
        with translated(self.path):
            return source_table.all_sources(self._connection)

    def put_sources(
        self, sources: Sequence[tuple[SourceRow, Sequence[IncomingSnippet]]]
    ) -> tuple[int, int]:
        """Stores sources and makes their snippets the given ones; only differences are written.

        Returns:
            How many snippets were added, how many removed.
        """
        ids = source_table.put_sources(self._connection, [row for row, _ in sources])
        incoming = {ids[row.path]: snippets for row, snippets in sources}
        # Where only vectors are kept, a snippet that has moved within its file is no news.
        tell_moved = bool(self.manifest().get("backend_keeps_snippets"))
        return snippet_table.replace_snippets(
            self._connection, self._words, incoming, tell_moved=tell_moved
        )

    def append(self, items: Sequence[tuple[SourceRow, IncomingSnippet]]) -> None:
        """Adds snippets, each to its source, which may have others already.

        Their keys must be new to their source.
        """
        ids = source_table.put_sources(
            self._connection, {row.path: row for row, _ in items}.values()
        )
        snippet_table.insert_snippets(
            self._connection, self._words, [(ids[row.path], snippet) for row, snippet in items]
        )

    def touch_sources(self, rows: Sequence[SourceRow]) -> None:
        """Notes new sizes and times of sources whose bytes are the same."""
        source_table.touch_sources(self._connection, rows)

    def remove_sources(self, ids: Sequence[int]) -> int:
        """Removes sources and their snippets; returns how many snippets went."""
        gone = snippet_table.ids_of_sources(self._connection, ids)
        snippet_table.drop_snippets(self._connection, self._words, gone)
        source_table.delete_sources(self._connection, ids)
        return len(gone)

    def snippets(self, ids: Sequence[int]) -> dict[int, Snippet]:
        """Snippets by id; ids that are not there are left out."""
        with translated(self.path):
            return snippet_table.snippets_by_id(self._connection, ids)

    def ids_at(self, path: str) -> list[int]:
        """Ids of the snippets whose path it is, ascending."""
        with translated(self.path):
            return snippet_table.ids_at(self._connection, path)

    def places(self, ids: Sequence[int]) -> dict[int, Place]:
        """Where snippets stand, by id; ids that are not there are left out."""
        with translated(self.path):
            return place_table.places_by_id(self._connection, ids)

    def payloads(self, ids: Sequence[int]) -> dict[int, Payload]:
        """What a backend keeps beside the vector of each snippet."""
        with translated(self.path):
            return snippet_table.payloads_by_id(self._connection, ids)

    def iterate(self, where: Filter = Filter()) -> Iterator[tuple[int, Snippet]]:  # noqa: B008
        """(id, snippet) of all that satisfy `where`, by path and line; memory stays flat."""
        with translated(self.path):
            yield from snippet_table.iterate(self._connection, where)

    def snippets_by_source(self) -> dict[int, int]:
        """Source id → how many snippets it has, for those that have any."""
        with translated(self.path):
            return dict(
                self._connection.execute("SELECT source, count(*) FROM snippets GROUP BY source")
            )

    def count_of(self, path: str) -> int:
        """How many snippets the source at `path` has."""
        row = self._connection.execute(
            "SELECT count(*) FROM snippets WHERE source = (SELECT id FROM sources WHERE path = ?)",
            (path,),
        ).fetchone()
        return int(row[0])

    def snippet_ids(self) -> list[int]:
        """All snippet ids, ascending."""
        with translated(self.path):
            rows = self._connection.execute("SELECT id FROM snippets ORDER BY id").fetchall()
        return [row[0] for row in rows]

    def moved_texts(self, source: int) -> dict[tuple[str, str, str], bytes]:
        """(kind, name, code) of a source's snippets → the digest of the text that was embedded."""
        return {
            (row[0], row[1], row[2]): row[3]
            for row in self._connection.execute(
                "SELECT kind, name, code, text_digest FROM snippets WHERE source = ?", (source,)
            )
        }

    # -- vectors ----------------------------------------------------------------------------

    def encoder_id(self, info: EncoderInfo, fingerprint: str) -> int:
        """The row of an encoder, made if it is new."""
        return vector_table.encoder_id(self._connection, info, fingerprint)

    def known_texts(self, encoder: int, digests: Sequence[bytes]) -> set[bytes]:
        """Those of the text digests that this encoder has embedded before."""
        return vector_table.known_texts(self._connection, encoder, digests)

    def add_vectors(self, encoder: int, digests: Sequence[bytes], vectors: Embeddings) -> None:
        """Stores vectors (n, dim) under the digests of their texts."""
        vector_table.add_vectors(self._connection, encoder, digests, vectors)

    def copy_vector(self, encoder: int, old: bytes, new: bytes) -> bool:
        """Gives the text `new` the vector of the text `old`; whether there was one."""
        return vector_table.copy_vector(self._connection, encoder, old, new)

    def spread_vectors(self, encoder: int, dim: int, count: int) -> Embeddings:
        """(n, dim), n ≤ `count`: vectors of snippets from all over the index, always the same.

        Raises:
            DamagedIndexError: a snippet has no vector; what is worked out of the others would be
                wrong.
        """
        with translated(self.path):
            ids = place_table.spread_ids(self._connection, count)
            held, vectors = vector_table.vectors_of_snippets(self._connection, encoder, dim, ids)
            lacking = sorted({*ids}.difference(held))
            if lacking and place_table.places_by_id(self._connection, lacking):
                raise sqlite3.DatabaseError("its table 'vectors' has lost rows")
            return vectors

    def vectors(self, encoder: int, dim: int, ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """Ids that exist and have a vector, and the vectors (n, dim)."""
        with translated(self.path):
            return vector_table.vectors_of_snippets(self._connection, encoder, dim, ids)

    def tidy(self) -> None:
        """To be done at the end of a run that wrote: merges what it has added to the words, and
        bounds the embedding cache to the present snippets and as many old texts (≥ 20,000)."""
        self._words.merge(AT_REST)
        snippets = self.count("snippets")
        if self.count("vectors") > 3 * snippets + 30_000:
            vector_table.prune_cache(self._connection, max(snippets, 20_000))

    def snippets_without_vector(self, encoder: int, dim: int) -> list[int]:
        """Ids of snippets that have no vector of `dim` dimensions by this encoder."""
        with translated(self.path):
            return vector_table.lacking(self._connection, encoder, dim)

    def texts(self, ids: Sequence[int], recipe: Callable[[Snippet], str]) -> dict[bytes, str]:
        """Text digest → embedding text of snippets, made again by `recipe`."""
        with translated(self.path):
            marks = ",".join("?" * len(ids))
            rows = self._connection.execute(
                f"SELECT id, {CHECKED_COLUMNS} FROM snippets WHERE id IN ({marks})", tuple(ids)
            ).fetchall()
            return {row[2]: recipe(checked_snippet(id, row)) for id, *row in rows}

    # -- words ------------------------------------------------------------------------------

    def lexical(
        self,
        query: Sequence[str] | Mapping[str, float],
        fields: FieldWeights = FieldWeights(),  # noqa: B008
    ) -> LexicalScores:
        """How well each snippet answers the words of a query, by BM25F.

        Args:
            query: words as `codeindex.words.query_words` gives them, or their weights.
            fields: what words count in each field.
        """
        weights = query if isinstance(query, Mapping) else dict.fromkeys(query, 1.0)
        with translated(self.path), self.moment():
            found = self._words.scores(weights, fields)

        def allowed(where: Filter) -> Mask:
            with translated(self.path), self.moment():
                return found.allowed(where)

        return replace(found, allowed=allowed)

    # -- outbox -----------------------------------------------------------------------------

    def pending(self, after: int) -> list[OutboxRow]:
        """Changes after number `after` that the backend has not applied durably, oldest first."""
        with translated(self.path):
            rows = self._connection.execute(
                "SELECT seq, operation, snippet FROM outbox WHERE seq > ? ORDER BY seq", (after,)
            ).fetchall()
        return [OutboxRow(*row) for row in rows]

    def done(self, up_to: int) -> None:
        """Forgets the outbox rows that the backend has applied durably."""
        self._connection.execute("DELETE FROM outbox WHERE seq <= ?", (up_to,))

    # -- whole ------------------------------------------------------------------------------

    def count(self, table: str) -> int:
        """Rows of ``sources``, ``snippets``, ``vectors`` or ``outbox``."""
        if table not in ("sources", "snippets", "vectors", "outbox"):
            raise ValueError(table)
        with translated(self.path):
            row = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0])

    def tally(self, column: str) -> dict[str, int]:
        """Snippets by ``language`` or ``kind``, most first."""
        if column not in ("language", "kind"):
            raise ValueError(column)
        with translated(self.path):
            rows = self._connection.execute(
                f"SELECT {column}, count(*) FROM snippets GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
        return dict(rows)

    def problems(self) -> list[str]:
        """What is wrong with the file itself: its pages, references, rows and words."""
        with translated(self.path), self.moment():
            return problems(self._connection, self._words)

    def drop_damaged_vectors(self) -> None:
        """Forgets vectors that are not what was written: they can be embedded again."""
        damaged = vector_table.damaged_vectors(self._connection)
        vector_table.drop_vectors(self._connection, damaged)

    def rebuild_words(self) -> None:
        """Makes the word index anew from the snippets."""
        self._words.clear()
        ids = [row[0] for row in self._connection.execute("SELECT id FROM snippets ORDER BY id")]
        for start in range(0, len(ids), _REBUILT):
            found = snippet_table.snippets_by_id(self._connection, ids[start : start + _REBUILT])
            present = sorted(found)
            self._words.add(present, [snippet_values(found[id]) for id in present])
        self._words.merge(AT_REST)
        self.set_manifest({"words_recipe": WORDS_RECIPE})
