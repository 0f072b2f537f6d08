"""Sample: some of what a writing did, to be looked at on the server before its commit."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from codeindex.errors import DamagedIndexError
from codeindex.vectors import Embeddings
from codeindex_qdrant.payload import point_id
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.layout import VECTOR

_MOST = 64
_TOLERANCE = 1e-5


class Sample:
    """A random sample of the ids that were added, with their vectors, and of those removed."""

    def __init__(self) -> None:
        """Empty."""
        self._added: dict[int, Embeddings] = {}
        self._removed: set[int] = set()
        self._seen = 0
        self._random = random.Random(0)  # noqa: S311

    def add(self, ids: Sequence[int], vectors: Embeddings) -> None:
        """Takes note of ids and vectors (n, dim) that were stored."""
        self._removed.difference_update(ids)
        for id, vector in zip(ids, vectors, strict=True):
            self._seen += 1
            if id in self._added or len(self._added) < _MOST:
                self._added[id] = vector.copy()
            elif self._random.random() < _MOST / self._seen:
                del self._added[self._random.choice(list(self._added))]
                self._added[id] = vector.copy()

    def remove(self, ids: Sequence[int]) -> None:
        """Takes note of ids that were deleted."""
        for id in ids:
            self._added.pop(id, None)
            if len(self._removed) < _MOST:
                self._removed.add(id)

    def check(self, connection: Connection, physical: str) -> None:
        """Compares with what the server holds.

        Raises:
            DamagedIndexError: it holds something else.
            UnavailableError, StorageError: see `Connection.call`.
        """
        ids = [*self._added, *self._removed]
        if not ids:
            return
        records = connection.call(
            f"checking {physical}",
            lambda client: client.retrieve(
                physical, [point_id(id) for id in ids], with_payload=["id"], with_vectors=[VECTOR]
            ),
        )
        held = {
            int(record.payload["id"]): record.vector.get(VECTOR)
            for record in records
            if record.payload and isinstance(record.vector, dict)
        }
        wrong = sum(not _same(held.get(id), vector) for id, vector in self._added.items())
        wrong += sum(id in held for id in self._removed)
        if wrong:
            raise DamagedIndexError(
                f"{wrong} of {len(ids)} sampled changes are not in {physical} at"
                f" {connection.url} as they were sent"
            )


def _same(held: object, sent: Embeddings) -> bool:
    if not isinstance(held, list) or len(held) != len(sent):
        return False
    return bool(
        np.allclose(np.asarray(held, dtype=np.float32), sent, rtol=_TOLERANCE, atol=_TOLERANCE)
    )
