"""QdrantBackend: one index on a Qdrant server or cluster.

A physical collection is changed in place: Qdrant has no transactions over many points, and a
server that is asked to keep the state before would have to filter every search by it. So what
is searched during an update is on its way from the old state to the new one, and what makes
that safe is that it can neither be taken for something else nor get lost:

- A *writing* begins before its first change. A record with a new token is written to the folder
  (durable, numbered, never changed), then the server's state is set to that token, not committed.
- `commit` checks the server's contents, sets the state to committed, makes the alias name the
  collection, and returns the record. The host then notes it in the catalog, together with the
  outbox rows that it stands for.
- `open` compares the server's token with the folder's records. It must be that of the record
  that the catalog knows, with the count as committed, or that of a later one in the folder.

Killed, or cut off from the server,
1. after the record was written: the server knows nothing of it; the old state is there.
2. after the state was set, or among the changes: the token is that of a later record in this
   folder, so the changes are this folder's own. The outbox has them all, and the host replays
   it: adds and removes are by id and can be repeated.
3. after the state was set to committed, before the catalog noted it: the same.
4. while a new collection is built: the catalog does not know it. The alias still names the old
   one, which is whole. The host builds another; the unfinished one is found by its name, which
   holds the index's id, and deleted after the next commit.
5. after a new collection was committed, before the alias was switched: the same as 4.
6. after the alias was switched, before the catalog noted it: the old collection is still there,
   as superseded ones are deleted when the backend is closed, after the host has noted the
   commit. The host goes on with the old one; its next commit switches the alias back.
7. while superseded collections are deleted: the rest goes after the next commit.

Anything else is drift, and a `DamagedIndexError`, upon which the host builds the collection anew
from the catalog: it was deleted, has another dimension, holds another number of points, was
restored from a snapshot, or a copy of this index folder has written to it (its token is that of
a record that this folder has not).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from codeindex.errors import CodeIndexError, DamagedIndexError, UsageError
from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings, checked_embeddings
from codeindex_qdrant.server import names
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.describing import check_dim, facts_of
from codeindex_qdrant.server.layout import create
from codeindex_qdrant.server.querying import Collection
from codeindex_qdrant.server.records import Record, later_records, read_record, write_record
from codeindex_qdrant.server.sample import Sample
from codeindex_qdrant.server.state import (
    State,
    committed_token,
    exact_count,
    read_state,
    write_state,
)
from codeindex_qdrant.server.uploading import delete_points, upload


class QdrantBackend:
    """Vectors and snippets of one index, in one physical collection."""

    def __init__(
        self, connection: Connection, folder: Path, dim: int, files: Mapping[str, str]
    ) -> None:
        """Opens the collection that `files` names, or a new one, made with its first change.

        Raises:
            DamagedIndexError: the collection is not as it was committed.
            UnavailableError, StorageError: see `Connection.call`.
        """
        self._connection = connection
        self._folder = folder
        self._dim = dim
        self._manifest: Mapping[str, Any] = {}
        self._collection: Collection | None = None
        self._committed: Record | None = None  # the last commit
        self._writing: Record | None = None  # begun, not committed
        self._all: set[int] = set()  # ids in a collection that was never committed
        self._sample = Sample()
        self._changes = 0
        self._superseded = False  # a commit may have left collections behind
        if files:
            self._committed = read_record(folder, files)
            self._collection = Collection(connection, self._committed.physical)
            try:
                self._check(self._committed)
            except BaseException:
                connection.close()
                raise

    # -- opening ----------------------------------------------------------------------------

    def _check(self, record: Record) -> None:
        """Compares the server with the record: see the module's docstring."""
        physical = record.physical
        check_dim(self._connection, physical, self._dim)
        where = f"the collection {physical} at {self._connection.url}"
        state = read_state(self._connection, physical)
        if state is None:
            raise DamagedIndexError(f"{where} no longer says which index it belongs to")
        if state.token != record.token:
            if any(later.token == state.token for later in later_records(self._folder, record)):
                return  # this folder's own writing, which the outbox has
            raise DamagedIndexError(
                f"{where} is not as this index left it: it was restored from a snapshot, or a"
                " copy of this index has written to it"
            )
        if not state.committed:
            raise DamagedIndexError(f"{where} is not as it was committed")
        count = exact_count(self._connection, physical)
        if count != state.count:
            raise DamagedIndexError(f"{where} holds {count} snippets; {state.count} were committed")

    def describe(self, manifest: Mapping[str, Any]) -> None:
        """Takes what the index is, for the next `commit`.

        Raises:
            UsageError: the alias, or the collection, belongs to another index.
            UnavailableError, StorageError: see `Connection.call`.
        """
        self._manifest = dict(manifest)
        if self._collection is None:
            names.refuse_others(self._connection, self._index)
            return
        state = read_state(self._connection, self._collection.physical)
        if state is not None and state.index != self._index:
            raise UsageError(
                f"the collection {self._collection.physical} at {self._connection.url} belongs"
                f" to another index ({state.index or 'without id'})"
            )

    @property
    def _index(self) -> str:
        return str(self._manifest.get("id") or "")

    # -- reading ----------------------------------------------------------------------------

    def __len__(self) -> int:
        if self._collection is None:
            return 0
        return exact_count(self._connection, self._collection.physical)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        return self._collection.ids() if self._collection is not None else []

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits that satisfy `where`, best first, ties by id.

        The server's vector index finds nearly all of the nearest, more with a larger option
        ``ef``; for k = 1 the search is exact.

        Raises:
            DamagedIndexError: the collection is gone.
            UnavailableError, StorageError: see `Connection.call`.
        """
        rows = checked_embeddings(queries, dim=self._dim)
        if self._collection is None:
            return [[] for _ in rows]
        return self._collection.search(rows, k, where, self._version)

    def _version(self, physical: str) -> Hashable:
        if self._writing is not None:
            return (self._writing.token, self._changes)
        return committed_token(self._connection, physical)

    def facts(self) -> Mapping[str, Any]:
        """Where the vectors are, how many, and what the server says of them.

        Raises:
            DamagedIndexError: the collection is gone.
            UnavailableError, StorageError: see `Connection.call`.
        """
        physical = self._collection.physical if self._collection is not None else None
        return facts_of(self._connection, physical)

    # -- writing ----------------------------------------------------------------------------

    def add(self, ids: Sequence[int], vectors: Embeddings, payloads: Sequence[Payload]) -> None:
        """Stores vectors (n, dim); an id that is there already is replaced.

        Raises:
            ValueError: wrong dim, a value that is not finite, an id that is negative or twice.
            DamagedIndexError, UnavailableError, StorageError: see `Connection.call`; some of
                it may be stored, and adding it again is right.
        """
        rows = checked_embeddings(vectors, dim=self._dim, rows=len(ids))
        if len(payloads) != len(ids):
            raise ValueError(f"expected {len(ids)} payloads, got {len(payloads)}")
        if len(ids) and min(ids) < 0:
            raise ValueError(f"an id is negative: {min(ids)}")
        if len(set(ids)) != len(ids):
            raise ValueError("an id is there twice")
        if not len(ids):
            return
        (collection, _), numbers = self._begun(), [int(id) for id in ids]
        self._changes += 1
        upload(self._connection, collection.physical, numbers, rows, payloads)
        self._sample.add(numbers, rows)
        if self._committed is None:
            self._all.update(numbers)

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets these ids; one that is not there is no error.

        Raises:
            DamagedIndexError, UnavailableError, StorageError: see `Connection.call`.
        """
        if not len(ids) or self._collection is None:
            return
        (collection, _), numbers = self._begun(), [int(id) for id in ids]
        self._changes += 1
        delete_points(self._connection, collection.physical, numbers)
        self._sample.remove(numbers)
        self._all.difference_update(numbers)

    def _begun(self) -> tuple[Collection, Record]:
        """The collection, made now if it is new, and the writing, begun now if it is the first."""
        if self._collection is None:
            physical = create(self._connection, self._index, self._dim)
            self._collection = Collection(self._connection, physical)
        if self._writing is None:
            self._delete_superseded()
            self._writing = self._begin(self._collection.physical)
        return self._collection, self._writing

    def _begin(self, physical: str) -> Record:
        before = read_state(self._connection, physical)
        record = write_record(self._folder, physical, uuid4().hex)
        state = before or State("", committed=False, index=self._index)
        state = replace(state, token=record.token, committed=False)
        write_state(self._connection, physical, state)
        return record

    def commit(self) -> Mapping[str, str]:
        """Checks that the server holds what it was sent, then makes it what the alias names.

        Raises:
            DamagedIndexError: the server holds something else; nothing was switched.
            UsageError: another index has taken the alias meanwhile.
            UnavailableError, StorageError: see `Connection.call`; to commit again is right.
        """
        if self._writing is None and self._committed is not None:
            return self._committed.files
        collection, record = self._begun()
        physical = collection.physical
        count = self._checked_count(physical)
        state = State(record.token, True, count, self._index, self._manifest)
        write_state(self._connection, physical, state)
        names.point_name_at(self._connection, physical, self._index)
        self._committed, self._writing = record, None
        self._all, self._sample = set(), Sample()
        self._superseded = True
        return record.files

    def _checked_count(self, physical: str) -> int:
        count = exact_count(self._connection, physical)
        if self._committed is None and count != len(self._all):
            raise DamagedIndexError(
                f"{len(self._all)} snippets were sent to {physical} at {self._connection.url};"
                f" it holds {count}"
            )
        self._sample.check(self._connection, physical)
        return count

    def _delete_superseded(self) -> None:
        """Only after the host has noted the commit: until then the old one may be needed."""
        if self._superseded and self._committed is not None:
            names.delete_superseded(self._connection, self._committed.physical, self._index)
            self._superseded = False

    def close(self) -> None:
        """Ends the use of the server. A collection that was never committed is deleted, if the
        server can be reached."""
        self._delete_superseded()
        if self._collection is not None and self._committed is None:
            with suppress(CodeIndexError):
                names.delete(self._connection, self._collection.physical)
        self._collection, self._committed, self._writing = None, None, None
        self._connection.close()
