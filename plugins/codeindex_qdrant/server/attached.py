"""AttachedCollection: a collection that another machine has filled, open for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codeindex.errors import NotFoundError, UsageError
from codeindex.filters import Filter
from codeindex.interfaces import Hit
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings, checked_embeddings
from codeindex_qdrant.payload import point_id, snippet_of
from codeindex_qdrant.server import names
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.describing import check_dim, facts_of
from codeindex_qdrant.server.querying import Collection
from codeindex_qdrant.server.state import committed_token, exact_count, read_state

_TOGETHER = 256


class AttachedCollection:
    """What the name stood for when this was made.

    Not what it stands for now: after a rebuild that may be vectors of another encoder.
    """

    def __init__(self, connection: Connection) -> None:
        """Looks the name up.

        Raises:
            NotFoundError: there is no collection of that name.
            UsageError: codeindex has not made it.
            UnavailableError, StorageError: see `Connection.call`.
        """
        self._connection = connection
        try:
            self._collection, self._manifest = self._found()
        except BaseException:
            connection.close()
            raise
        self._dim = int(self._manifest["encoder"]["dim"])

    def _found(self) -> tuple[Collection, Mapping[str, Any]]:
        connection, name = self._connection, self._connection.options.collection
        physical = names.named(connection)
        if physical is None:
            there = names.collections(connection)
            if name not in there:
                known = ", ".join(sorted({item.partition("--")[0] for item in there})) or "none"
                raise NotFoundError(
                    f"no collection {name!r} at {connection.url}; there are: {known}"
                )
            physical = name
        state = read_state(connection, physical)
        if state is None or not (state.manifest.get("encoder") or {}).get("dim"):
            raise UsageError(
                f"the collection {name!r} at {connection.url} was not made by codeindex:"
                " it does not say which encoder its vectors are of"
            )
        check_dim(connection, physical, int(state.manifest["encoder"]["dim"]))
        return Collection(connection, physical), state.manifest

    def manifest(self) -> Mapping[str, Any]:
        """What the index is, as of its last commit before this was made."""
        return self._manifest

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """As `QdrantBackend.search`.

        Raises:
            DamagedIndexError: the collection was replaced by another; attach again.
            UnavailableError, StorageError: see `Connection.call`.
        """
        rows = checked_embeddings(queries, dim=self._dim)
        return self._collection.search(
            rows, k, where, lambda physical: committed_token(self._connection, physical)
        )

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """Snippets by id; an id that is not there is left out.

        Raises:
            DamagedIndexError, UnavailableError, StorageError: see `Connection.call`.
        """
        found: dict[int, Snippet] = {}
        for start in range(0, len(ids), _TOGETHER):
            found |= self._snippets(ids[start : start + _TOGETHER])
        return found

    def _snippets(self, ids: Sequence[int]) -> dict[int, Snippet]:
        physical = self._collection.physical
        records = self._connection.call(
            f"reading {len(ids)} snippets of {physical}",
            lambda client: client.retrieve(
                physical, [point_id(id) for id in ids], with_payload=True
            ),
        )
        return {
            int(record.payload["id"]): snippet_of(record.payload)
            for record in records
            if record.payload and "code" in record.payload
        }

    def facts(self) -> Mapping[str, Any]:
        """As `QdrantBackend.facts`."""
        return facts_of(self._connection, self._collection.physical)

    def __len__(self) -> int:
        return exact_count(self._connection, self._collection.physical)

    def close(self) -> None:
        """Ends the use of the server. May be called twice."""
        self._connection.close()
