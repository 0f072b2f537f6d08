"""Uploading: points in batches, several at the same time, each acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from qdrant_client import models

from codeindex.filters import Payload
from codeindex.vectors import Embeddings
from codeindex_qdrant.payload import document, point_id
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.layout import VECTOR

_DELETED_TOGETHER = 2000


def upload(
    connection: Connection,
    physical: str,
    ids: Sequence[int],
    vectors: Embeddings,
    payloads: Sequence[Payload],
) -> None:
    """Stores checked vectors (n, dim); a point that is there already is replaced.

    Returns when the server has applied all of it: with ``wait=False`` it would acknowledge,
    and then drop in silence, what it cannot store.

    Raises:
        DamagedIndexError, UnavailableError, StorageError: see `Connection.call`; some batches
            may be stored.
    """
    size, threads = connection.options.batch_size, connection.options.parallel
    starts = range(0, len(ids), size)

    def store(start: int) -> None:
        part = slice(start, start + size)
        points = list(_points(ids[part], vectors[part], payloads[part]))
        connection.call(
            f"storing {len(points)} points in {physical}",
            lambda client: client.upsert(physical, points, wait=True),
        )

    if threads == 1 or len(starts) <= 1:
        for start in starts:
            store(start)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            for _ in pool.map(store, starts):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the server is in trouble: no more of it
            raise


def delete_points(connection: Connection, physical: str, ids: Sequence[int]) -> None:
    """Deletes points by id; one that is not there is no error.

    Raises:
        DamagedIndexError, UnavailableError, StorageError: see `Connection.call`.
    """
    for start in range(0, len(ids), _DELETED_TOGETHER):
        points: list[models.ExtendedPointId] = [
            point_id(id) for id in ids[start : start + _DELETED_TOGETHER]
        ]
        _delete(connection, physical, points)


def _delete(connection: Connection, physical: str, points: list[models.ExtendedPointId]) -> None:
    connection.call(
        f"deleting {len(points)} points in {physical}",
        lambda client: client.delete(physical, models.PointIdsList(points=points), wait=True),
    )


def _points(
    ids: Sequence[int], vectors: Embeddings, payloads: Sequence[Payload]
) -> Iterator[models.PointStruct]:
    for id, vector, payload in zip(ids, vectors.tolist(), payloads, strict=True):
        yield models.PointStruct(
            id=point_id(id), vector={VECTOR: vector}, payload=document(id, payload)
        )
