"""What the server says of a collection: dimensions, and the facts for ``codeindex status``."""

from __future__ import annotations

from typing import Any

from qdrant_client import models

from codeindex.errors import DamagedIndexError
from codeindex_qdrant.server import names
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.layout import VECTOR
from codeindex_qdrant.server.state import exact_count


def _info(connection: Connection, physical: str) -> models.CollectionInfo:
    return connection.call(f"looking at {physical}", lambda client: client.get_collection(physical))


def dim_of(connection: Connection, physical: str) -> int | None:
    """Dimensions of a collection's vectors; None if it has none of the name we use.

    Raises:
        DamagedIndexError: there is no such collection.
        UnavailableError, StorageError: see `Connection.call`.
    """
    vectors = _info(connection, physical).config.params.vectors
    vector = vectors.get(VECTOR) if isinstance(vectors, dict) else None
    return vector.size if vector is not None else None


def check_dim(connection: Connection, physical: str, dim: int) -> None:
    """Refuses a collection of other vectors.

    Raises:
        DamagedIndexError: there is no such collection, or its vectors have another dimension.
        UnavailableError, StorageError: see `Connection.call`.
    """
    found = dim_of(connection, physical)
    if found != dim:
        raise DamagedIndexError(
            f"the collection {physical} at {connection.url} holds"
            f" {'other vectors' if found is None else f'vectors of {found} dimensions'}, not {dim}"
        )


def facts_of(connection: Connection, physical: str | None) -> dict[str, Any]:
    """Where an index is kept, as JSON values; `physical` is None where nothing was stored yet."""
    facts: dict[str, Any] = {
        "url": connection.url,
        "collection": connection.options.collection,
        "physical": physical,
    }
    if physical is None:
        return facts
    info = _info(connection, physical)
    return {
        **facts,
        "named": names.named(connection) == physical,
        "points": exact_count(connection, physical),
        "indexed_vectors": info.indexed_vectors_count,
        "status": str(info.status.value),
        "shards": info.config.params.shard_number,
        "replicas": info.config.params.replication_factor,
    }
