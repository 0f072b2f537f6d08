"""Catalog: sources, snippets, vectors, words, outbox and manifest behind one connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codeindex.catalog import snippets as snippet_table
from codeindex.catalog import sources as source_table
from codeindex.catalog import vectors as vector_table
from codeindex.catalog import words as word_table
from codeindex.catalog.checksums import check, row_checksum
from codeindex.catalog.connection import connect, translated
from codeindex.catalog.rows import (
    CHECKED_COLUMNS,
    IncomingSnippet,
    OutboxRow,
    SourceRow,
    checked_snippet,
)
from codeindex.catalog.schema import MIGRATIONS, migrate, schema_version
from codeindex.errors import IndexVersionError, NotFoundError, StorageError
from codeindex.filters import Filter, Payload
from codeindex.interfaces import EncoderInfo
from codeindex.lexical.scores import LexicalScores
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

IN_MEMORY = Path(":memory:")

SET_MANIFEST = (
    "INSERT INTO manifest (key, value, checksum) VALUES (?, ?, ?) ON CONFLICT (key)"
    " DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
)


def manifest_row(key: str, value: Any) -> tuple[str, str, int]:
    """What `SET_MANIFEST` takes, of a key and a JSON value."""
    text = json.dumps(value)
    return key, text, row_checksum(key, text)


class Catalog:
    """The truth about an index. Not shared between threads.

    Writing methods are to be called inside `transaction()`; what they do is atomic with it.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        """Opens the catalog, migrated if needed (unless `readonly`); ``:memory:`` makes one.

        Raises:
            NotFoundError: there is none.
            IndexVersionError: it was written by a newer version.
            DamagedIndexError, StorageError, IndexLockedError: see `connection.translated`.
        """
        if path != IN_MEMORY and not path.exists():
            raise NotFoundError(f"no catalog at {path}")
        self.path = path
        self._manifest: dict[str, Any] | None = None
        self._manifest_version = 0
        self._connection = connect(path, readonly=readonly)
        try:
            with translated(path):
                if readonly:
                    if schema_version(self._connection) < len(MIGRATIONS):
                        self._reopen_migrated()
                else:
                    migrate(self._connection)
                    self._renew_words()
        except BaseException:
            self._connection.close()
            raise

    def _reopen_migrated(self) -> None:
        self._connection.close()
        try:
            Catalog(self.path).close()
        except StorageError as error:
            raise IndexVersionError(
                f"the index has an older format, and is to be opened once where it can be written"
                f" ({error})"
            ) from error
        self._connection = connect(self.path, readonly=True)

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any]) -> Catalog:
        """Makes a catalog that is there whole or not at all, however the process may end.

        Raises:
            StorageError: it cannot be written.
        """
        draft = path.with_name(f"{path.name}.new")
        try:
            for ending in ("", "-wal", "-shm"):  # of a process that was killed
                draft.with_name(f"{draft.name}{ending}").unlink(missing_ok=True)
            draft.touch()
            catalog = cls(draft)
            try:
                with catalog.transaction():
                    catalog.set_manifest(manifest)
            finally:
                catalog.close()
            draft.replace(path)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        return cls(path)

    def close(self) -> None:
        """Closes the file. May be called twice."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes durable together, or not at all."""
        with translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._manifest = None  # it may have read what is taken back now
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever a writer does meanwhile."""
        with translated(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")

    # -- manifest ---------------------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        """What the index is: root, extractors, encoder, backend, its files, times."""
        with translated(self.path):
            # The number changes when another connection has committed; every search asks.
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if self._manifest is None or version != self._manifest_version:
                rows = self._connection.execute("SELECT key, value, checksum FROM manifest")
                self._manifest = {}
                for key, value, checksum in rows.fetchall():
                    check("manifest", checksum, row_checksum(key, value))
                    self._manifest[key] = json.loads(value)
                self._manifest_version = version
        return dict(self._manifest)

    def set_manifest(self, values: Mapping[str, Any]) -> None:
        """Sets keys of the manifest to JSON values."""
        self._manifest = None
        self._connection.executemany(
            SET_MANIFEST, [manifest_row(key, value) for key, value in values.items()]
        )

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
        return snippet_table.replace_snippets(self._connection, incoming, tell_moved=tell_moved)

    def append(self, items: Sequence[tuple[SourceRow, IncomingSnippet]]) -> None:
        """Adds snippets, each to its source, which may have others already.

        Their keys must be new to their source.
        """
        ids = source_table.put_sources(
            self._connection, {row.path: row for row, _ in items}.values()
        )
        snippet_table.insert_snippets(
            self._connection, [(ids[row.path], snippet) for row, snippet in items]
        )

    def touch_sources(self, rows: Sequence[SourceRow]) -> None:
        """Notes new sizes and times of sources whose bytes are the same."""
        source_table.touch_sources(self._connection, rows)

    def remove_sources(self, ids: Sequence[int]) -> int:
        """Removes sources and their snippets; returns how many snippets went."""
        gone = snippet_table.ids_of_sources(self._connection, ids)
        snippet_table.drop_snippets(self._connection, gone)
        source_table.delete_sources(self._connection, ids)
        return len(gone)

    def snippets(self, ids: Sequence[int]) -> dict[int, Snippet]:
        """Snippets by id; ids that are not there are left out."""
        with translated(self.path):
            return snippet_table.snippets_by_id(self._connection, ids)

    def payloads(self, ids: Sequence[int]) -> dict[int, Payload]:
        """What a backend keeps beside the vector of each snippet."""
        with translated(self.path):
            return snippet_table.payloads_by_id(self._connection, ids)

    def iterate(self, where: Filter = Filter()) -> Iterator[tuple[int, Snippet]]:  # noqa: B008
        """(id, snippet) of all that satisfy `where`, by path and line; memory stays flat."""
        with translated(self.path):
            # Counted in an index: a damaged table may have lost rows and look whole.
            cursor = self._connection.execute(
                f"SELECT counted.number, id, {CHECKED_COLUMNS} FROM"
                " (SELECT count(*) AS number FROM snippets INDEXED BY snippets_by_source) counted"
                " LEFT JOIN snippets ORDER BY path, start_line, id"
            )
            read = counted = 0
            for number, id, *row in cursor:
                counted = number
                if id is None:
                    break
                read += 1
                snippet = checked_snippet(id, row)
                if (
                    (not where.languages or snippet.language in where.languages)
                    and (not where.kinds or snippet.kind in where.kinds)
                    and where.matches_path(snippet.path)
                ):
                    yield id, snippet
            if read != counted:
                raise sqlite3.DatabaseError(f"its table 'snippets' has {read} of {counted} rows")

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

    def vectors(self, encoder: int, dim: int, ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """Ids that exist and have a vector, and the vectors (n, dim)."""
        with translated(self.path):
            return vector_table.vectors_of_snippets(self._connection, encoder, dim, ids)

    def prune_cache(self) -> int:
        """Bounds the embedding cache to the present snippets and as many old texts (≥ 20,000)."""
        snippets = self.count("snippets")
        if self.count("vectors") <= 3 * snippets + 30_000:
            return 0
        return vector_table.prune_cache(self._connection, max(snippets, 20_000))

    def snippets_without_vector(self, encoder: int, dim: int) -> list[int]:
        """Ids of snippets that have no vector of `dim` dimensions by this encoder."""
        with translated(self.path):
            rows = self._connection.execute(
                "SELECT s.id FROM snippets s LEFT JOIN vectors v"
                " ON v.text_digest = s.text_digest AND v.encoder = ?"
                " WHERE v.id IS NULL OR length(v.vector) <> ? ORDER BY s.id",
                (encoder, 4 * dim),
            ).fetchall()
        return [row[0] for row in rows]

    def texts(self, ids: Sequence[int], recipe: Callable[[Snippet], str]) -> dict[bytes, str]:
        """Text digest → embedding text of snippets, made again by `recipe`."""
        with translated(self.path):
            marks = ",".join("?" * len(ids))
            rows = self._connection.execute(
                f"SELECT id, {CHECKED_COLUMNS} FROM snippets WHERE id IN ({marks})", tuple(ids)
            ).fetchall()
            return {row[2]: recipe(checked_snippet(id, row)) for id, *row in rows}

    # -- words ------------------------------------------------------------------------------

    def lexical(self, query: Sequence[str] | Mapping[str, float]) -> LexicalScores:
        """How well each snippet answers the words of a query.

        Args:
            query: words as `codeindex.words.query_words` gives them, or their weights.
        """
        weights = query if isinstance(query, Mapping) else dict.fromkeys(query, 1.0)
        with translated(self.path):
            return word_table.lexical_scores(self._connection, weights)

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
        """What is wrong with the file itself: its pages, references and words."""
        with translated(self.path):
            rows = self._connection.execute("PRAGMA integrity_check(5)").fetchall()
            found = [f"catalog: {row[0]}" for row in rows if row[0] != "ok"]
            orphans = self._connection.execute("PRAGMA foreign_key_check").fetchall()
            if orphans:
                found.append(f"catalog: {len(orphans)} rows refer to rows that are gone")
            damaged = self._damaged_rows()
            # The words are compared with those of the snippets, which are to be sound for that.
            words = None if damaged else word_table.words_are_sound(self._connection)
        return [*found, *damaged, *([words] if words else [])]

    def _damaged_rows(self) -> list[str]:
        snippets = snippet_table.damaged_snippets(self._connection)
        vectors = len(vector_table.damaged_vectors(self._connection))
        return [
            f"catalog: {number} rows of its table {table!r} are not what was written"
            for table, number in (("snippets", snippets), ("vectors", vectors))
            if number
        ]

    def drop_damaged_vectors(self) -> None:
        """Forgets vectors that are not what was written: they can be embedded again."""
        damaged = vector_table.damaged_vectors(self._connection)
        vector_table.drop_vectors(self._connection, damaged)

    def rebuild_words(self) -> None:
        """Makes the words table anew from the snippets."""
        word_table.clear_words(self._connection)
        ids = [row[0] for row in self._connection.execute("SELECT id FROM snippets ORDER BY id")]
        for _, chunk in snippet_table.chunks(ids):
            snippets = snippet_table.snippets_by_id(self._connection, chunk)
            word_table.add_words(
                self._connection,
                ((id, word_table.words_of(snippet)) for id, snippet in snippets.items()),
            )
        self.set_manifest({"words_recipe": word_table.WORDS_RECIPE})

    def _renew_words(self) -> None:
        if self.manifest().get("words_recipe") != word_table.WORDS_RECIPE:
            with self.transaction():
                self.rebuild_words()
