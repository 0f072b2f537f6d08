"""Searching a physical collection: filters, scores, and ties at the k-th place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from qdrant_client import models

from codeindex.filters import Filter
from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings
from codeindex_qdrant.server.conditions import condition
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.layout import VECTOR
from codeindex_qdrant.server.state import SNIPPETS_ONLY, exact_count

_TOGETHER = 64
"""Queries in one request."""

_MOST_TIED = 4096
"""More hits than this are not fetched to find those that share the k-th score."""

_PAGE = 10_000


class Collection:
    """A physical collection, open for reading."""

    def __init__(self, connection: Connection, physical: str) -> None:
        """Takes the server and the name of the collection there."""
        self.connection = connection
        self.physical = physical
        self._paths: list[str] = []
        self._paths_of: Hashable = None

    def search(
        self, queries: Embeddings, k: int, where: Filter, version: Callable[[str], Hashable]
    ) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits that satisfy `where`, best first, ties by id.

        Args:
            version: gives that of the collection's contents; while it is the same, and not
                None, the distinct paths are not asked for again.

        Raises:
            DamagedIndexError: the collection is gone.
            UnavailableError, StorageError: see `Connection.call`.
        """
        if k < 1 or not len(queries):
            return [[] for _ in queries]
        conditions = None
        if where:
            conditions = condition(where, lambda: self._distinct_paths(version(self.physical)))
            if conditions is None:
                return [[] for _ in queries]
        answers: list[list[Hit]] = []
        for start in range(0, len(queries), _TOGETHER):
            answers.extend(self._nearest(queries[start : start + _TOGETHER], k, conditions))
        return answers

    def _nearest(
        self, queries: Embeddings, k: int, conditions: models.Filter | None
    ) -> list[list[Hit]]:
        """Asks again for more, until no tie is cut off at the k-th place."""
        answers: list[list[Hit]] = [[] for _ in queries]
        open_rows, limit = list(range(len(queries))), k + 1
        exact = k == 1  # who asks for the one nearest (`verify` does) means it
        while open_rows:
            found = self._ask(queries[open_rows], limit, conditions, exact)
            undecided = []
            for row, hits in zip(open_rows, found, strict=True):
                full = len(hits) == limit
                if full and hits[k - 1].score == hits[-1].score and limit < k + _MOST_TIED:
                    undecided.append(row)
                else:
                    answers[row] = sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k]
            open_rows, limit = undecided, min(2 * limit, k + _MOST_TIED)
        return answers

    def _ask(
        self, queries: Embeddings, limit: int, conditions: models.Filter | None, exact: bool
    ) -> list[list[Hit]]:
        options = self.connection.options
        parameters = models.SearchParams(hnsw_ef=options.ef, exact=exact)
        if options.quantization != "none":
            # Scores are those of the whole vectors, whatever the candidates were found by.
            parameters.quantization = models.QuantizationSearchParams(
                rescore=True, oversampling=2.0
            )
        requests = [
            models.QueryRequest(
                query=query,
                using=VECTOR,
                filter=conditions,
                params=parameters,
                limit=limit,
                with_payload=["id"],
            )
            for query in queries.tolist()
        ]
        responses = self.connection.call(
            f"searching {self.physical}",
            lambda client: client.query_batch_points(self.physical, requests),
        )
        return [
            [
                Hit(int(point.payload["id"]), point.score)
                for point in response.points
                if point.payload
            ]
            for response in responses
        ]

    def _distinct_paths(self, version: Hashable) -> Sequence[str]:
        if version is None or version != self._paths_of:
            self._paths_of = None
            most = exact_count(self.connection, self.physical)
            facets = self.connection.call(
                f"listing the paths in {self.physical}",
                lambda client: client.facet(self.physical, "path", limit=max(1, most), exact=True),
            )
            self._paths = [str(hit.value) for hit in facets.hits]
            self._paths_of = version
        return self._paths

    def ids(self) -> list[int]:
        """All ids, ascending."""
        found: list[int] = []
        offset: models.ExtendedPointId | None = None
        while True:
            records, offset = self._page(offset)
            found.extend(int(record.payload["id"]) for record in records if record.payload)
            if offset is None:
                return sorted(found)

    def _page(
        self, offset: models.ExtendedPointId | None
    ) -> tuple[list[models.Record], models.ExtendedPointId | None]:
        return self.connection.call(
            f"listing the ids in {self.physical}",
            lambda client: client.scroll(
                self.physical,
                scroll_filter=SNIPPETS_ONLY,
                limit=_PAGE,
                offset=offset,
                with_payload=["id"],
            ),
        )
