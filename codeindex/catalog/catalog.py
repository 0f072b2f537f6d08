"""Catalog: sources, snippets, vectors, words, outbox and manifest behind one connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codeindex.catalog import vectors as vector_table
from codeindex.catalog import words as word_table
from codeindex.catalog.connection import connect, translated
from codeindex.catalog.rows import IncomingSnippet, OutboxRow, SourceRow
from codeindex.catalog.schema import migrate, schema_version
from codeindex.errors import NotFoundError
from codeindex.filters import Filter, Payload
from codeindex.interfaces import EncoderInfo
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

_SNIPPET_COLUMNS = "id, path, language, kind, name, start_line, end_line, code, docstring, extra"
_BATCH = 500


class Catalog:
    """The truth about an index. Not shared between threads.

    Writing methods are to be called inside `transaction()`; what they do is atomic with it.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        """Opens the catalog, made and migrated if needed (unless `readonly`).

        Raises:
            NotFoundError: `readonly` and there is none.
            IndexVersionError: it was written by a newer version.
            DamagedIndexError, StorageError, IndexLockedError: see `connection.translated`.
        """
        if readonly and not path.exists():
            raise NotFoundError(f"no catalog at {path}")
        self.path = path
        self._connection = connect(path, readonly=readonly)
        try:
            with translated(path):
                if readonly:
                    schema_version(self._connection)
                else:
                    migrate(self._connection)
                    self._renew_words()
        except BaseException:
            self._connection.close()
            raise

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
            rows = self._connection.execute("SELECT key, value FROM manifest").fetchall()
        return {key: json.loads(value) for key, value in rows}

    def set_manifest(self, values: Mapping[str, Any]) -> None:
        """Sets keys of the manifest to JSON values."""
        self._connection.executemany(
            "INSERT INTO manifest (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [(key, json.dumps(value)) for key, value in values.items()],
        )

    # -- sources ----------------------------------------------------------------------------

    def sources(self) -> dict[str, SourceRow]:
        """Every source by its path."""
        with translated(self.path):
            rows = self._connection.execute(
                "SELECT id, path, language, extractor, size, mtime_ns, ctime_ns, digest, skipped"
                " FROM sources"
            ).fetchall()
        return {row[1]: SourceRow(*row) for row in rows}

    def put_source(self, row: SourceRow) -> int:
        """Stores a source, replacing what was known of its path; returns its row id."""
        cursor = self._connection.execute(
            "INSERT INTO sources (path, language, extractor, size, mtime_ns, ctime_ns, digest,"
            " skipped, indexed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET language = excluded.language,"
            " extractor = excluded.extractor, size = excluded.size,"
            " mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,"
            " digest = excluded.digest, skipped = excluded.skipped,"
            " indexed_at = excluded.indexed_at RETURNING id",
            (
                row.path,
                row.language,
                row.extractor,
                row.size,
                row.mtime_ns,
                row.ctime_ns,
                row.digest,
                row.skipped,
                time.time(),
            ),
        )
        return int(cursor.fetchone()[0])

    def touch_source(self, row: SourceRow) -> None:
        """Notes new size and times of a source whose bytes are the same."""
        self._connection.execute(
            "UPDATE sources SET size = ?, mtime_ns = ?, ctime_ns = ? WHERE path = ?",
            (row.size, row.mtime_ns, row.ctime_ns, row.path),
        )

    def remove_sources(self, ids: Iterable[int]) -> int:
        """Removes sources and their snippets; returns how many snippets went."""
        removed = 0
        for source in ids:
            removed += self._drop_snippets(self._snippet_ids(source).values())
            self._connection.execute("DELETE FROM sources WHERE id = ?", (source,))
        return removed

    # -- snippets ---------------------------------------------------------------------------

    def replace_snippets(self, source: int, incoming: Sequence[IncomingSnippet]) -> tuple[int, int]:
        """Makes `incoming` the snippets of a source: only the difference is written.

        Returns:
            How many were added, how many removed.
        """
        present = self._snippet_ids(source)
        wanted = {item.key: item for item in incoming}
        kept = [(item, present[key]) for key, item in wanted.items() if key in present]
        moved = self._update_kept(kept)
        removed = self._drop_snippets(
            [id for key, id in present.items() if key not in wanted] + [id for _, id in moved]
        )
        fresh = [item for key, item in wanted.items() if key not in present]
        self._insert(source, fresh + [item for item, _ in moved])
        return len(fresh) + len(moved), removed

    def _update_kept(
        self, kept: Sequence[tuple[IncomingSnippet, int]]
    ) -> list[tuple[IncomingSnippet, int]]:
        """Notes new line numbers of snippets that stay.

        Returns:
            Those that differ in more than lines (docstring, kind of text): they are to be
            written anew, since their vector and words change.
        """
        rewritten = []
        for item, id in kept:
            snippet = item.snippet
            known = self._connection.execute(
                "SELECT text_digest, docstring, extra, language FROM snippets WHERE id = ?", (id,)
            ).fetchone()
            extra = _dump(snippet.extra)
            if known != (item.text_digest, snippet.docstring, extra, snippet.language):
                rewritten.append((item, id))
                continue
            self._connection.execute(
                "UPDATE snippets SET start_line = ?, end_line = ?"
                " WHERE id = ? AND (start_line <> ? OR end_line <> ?)",
                (snippet.start_line, snippet.end_line, id, snippet.start_line, snippet.end_line),
            )
        return rewritten

    def _insert(self, source: int, items: Sequence[IncomingSnippet]) -> None:
        if not items:
            return
        # Ids are given here, not by SQLite, so that one statement writes many rows.
        row = self._connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'snippets'"
        ).fetchone()
        first = (row[0] if row else 0) + 1
        self._connection.executemany(
            f"INSERT INTO snippets ({_SNIPPET_COLUMNS}, key, source, text_digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (id, *_snippet_values(item.snippet), item.key, source, item.text_digest)
                for id, item in enumerate(items, first)
            ],
        )
        word_table.add_words(
            self._connection, ((id, item.words) for id, item in enumerate(items, first))
        )
        self._send("add", range(first, first + len(items)))

    def _drop_snippets(self, ids: Iterable[int]) -> int:
        ids = list(ids)
        for start in range(0, len(ids), _BATCH):
            chunk = ids[start : start + _BATCH]
            word_table.remove_words(self._connection, self._snippets(chunk).items())
            self._connection.executemany(
                "DELETE FROM snippets WHERE id = ?", [(id,) for id in chunk]
            )
        self._send("remove", ids)
        return len(ids)

    def _snippet_ids(self, source: int) -> dict[bytes, int]:
        return dict(
            self._connection.execute("SELECT key, id FROM snippets WHERE source = ?", (source,))
        )

    def snippets(self, ids: Sequence[int]) -> dict[int, Snippet]:
        """Snippets by id; ids that are not there are left out."""
        with translated(self.path):
            return self._snippets(ids)

    def _snippets(self, ids: Sequence[int]) -> dict[int, Snippet]:
        found = {}
        for start in range(0, len(ids), _BATCH):
            chunk = ids[start : start + _BATCH]
            marks = ",".join("?" * len(chunk))
            for row in self._connection.execute(
                f"SELECT {_SNIPPET_COLUMNS} FROM snippets WHERE id IN ({marks})",
                tuple(chunk),
            ):
                found[row[0]] = _snippet(row)
        return found

    def payloads(self, ids: Sequence[int]) -> dict[int, Payload]:
        """What a backend keeps beside the vector of each snippet."""
        found = {}
        with translated(self.path):
            for start in range(0, len(ids), _BATCH):
                chunk = ids[start : start + _BATCH]
                marks = ",".join("?" * len(chunk))
                for row in self._connection.execute(
                    f"SELECT id, path, language, kind FROM snippets WHERE id IN ({marks})",
                    tuple(chunk),
                ):
                    found[row[0]] = Payload(*row[1:])
        return found

    def iterate(self, where: Filter = Filter()) -> Iterator[tuple[int, Snippet]]:  # noqa: B008
        """(id, snippet) of all that satisfy `where`, by path and line; memory stays flat."""
        with translated(self.path):
            cursor = self._connection.execute(
                f"SELECT {_SNIPPET_COLUMNS} FROM snippets ORDER BY path, start_line, id"
            )
            for row in cursor:
                snippet = _snippet(row)
                if (
                    (not where.languages or snippet.language in where.languages)
                    and (not where.kinds or snippet.kind in where.kinds)
                    and where.matches_path(snippet.path)
                ):
                    yield row[0], snippet

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
        cursor = self._connection.execute(
            "INSERT INTO vectors (encoder, text_digest, vector)"
            " SELECT encoder, ?, vector FROM vectors WHERE encoder = ? AND text_digest = ?"
            " ON CONFLICT (text_digest, encoder) DO NOTHING",
            (new, encoder, old),
        )
        return cursor.rowcount > 0

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
                f"SELECT {_SNIPPET_COLUMNS}, text_digest FROM snippets WHERE id IN ({marks})",
                tuple(ids),
            ).fetchall()
        return {row[-1]: recipe(_snippet(row)) for row in rows}

    # -- outbox -----------------------------------------------------------------------------

    def _send(self, operation: str, ids: Iterable[int]) -> None:
        self._connection.executemany(
            "INSERT INTO outbox (operation, snippet) VALUES (?, ?)",
            [(operation, id) for id in ids],
        )

    def pending(self) -> list[OutboxRow]:
        """Changes that the backend has not applied, oldest first."""
        with translated(self.path):
            rows = self._connection.execute(
                "SELECT seq, operation, snippet FROM outbox ORDER BY seq"
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
            words = word_table.words_are_sound(self._connection)
        return found + ([words] if words else [])

    def rebuild_words(self) -> None:
        """Makes the words table anew from the snippets."""
        word_table.clear_words(self._connection)
        ids = [row[0] for row in self._connection.execute("SELECT id FROM snippets ORDER BY id")]
        for start in range(0, len(ids), _BATCH):
            snippets = self._snippets(ids[start : start + _BATCH])
            word_table.add_words(
                self._connection,
                ((id, word_table.words_of(snippet)) for id, snippet in snippets.items()),
            )
        self.set_manifest({"words_recipe": word_table.WORDS_RECIPE})

    def _renew_words(self) -> None:
        if self.manifest().get("words_recipe") != word_table.WORDS_RECIPE:
            with self.transaction():
                self.rebuild_words()


def _dump(extra: Mapping[str, Any]) -> str:
    return json.dumps(dict(extra), sort_keys=True) if extra else "{}"


def _snippet_values(snippet: Snippet) -> tuple[Any, ...]:
    return (
        snippet.path,
        snippet.language,
        snippet.kind,
        snippet.name,
        snippet.start_line,
        snippet.end_line,
        snippet.code,
        snippet.docstring,
        _dump(snippet.extra),
    )


def _snippet(row: Sequence[Any]) -> Snippet:
    extra = json.loads(row[9]) if row[9] != "{}" else {}
    path, language, kind, name, start, end, code, docstring = row[1:9]
    return Snippet(path, language, kind, name, start, end, code, docstring, extra)
