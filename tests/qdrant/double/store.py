"""What the double holds: collections of points, aliases, and the operations on them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from qdrant_client import models

from double.filters import Unindexed, accepts


class Refused(Exception):
    """An answer that is no success: status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Point:
    vectors: dict[str, np.ndarray]
    payload: dict


@dataclass
class Collection:
    made: models.CreateCollection
    points: dict[str, Point] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    index_order: list[tuple[str, int]] = field(default_factory=list)

    def chosen(self, where: models.Filter | None) -> list[tuple[str, Point]]:
        try:
            return [
                (id, point)
                for id, point in sorted(self.points.items())
                if accepts(where, id, point.payload, set(self.indexes))
            ]
        except Unindexed as field:
            raise Refused(400, f"Index required but not found for {field}") from None

    def upsert(self, points: list[models.PointStruct]) -> None:
        checked = {}
        for point in points:
            assert isinstance(point.vector, dict), "vectors are named"
            vectors = {}
            for name, values in point.vector.items():
                if name not in self.made.vectors:
                    raise Refused(400, f"Wrong input: Not existing vector name error: {name}")
                size = self.made.vectors[name].size
                if len(values) != size:
                    raise Refused(
                        400,
                        f"Wrong input: Vector dimension error: expected dim: {size},"
                        f" got {len(values)}",
                    )
                vectors[name] = np.asarray(values, dtype=np.float32)
            checked[str(point.id)] = Point(vectors, dict(point.payload or {}))
        self.points |= checked

    def query(self, request: models.QueryRequest) -> list[dict]:
        name = request.using
        if name not in self.made.vectors:
            raise Refused(400, f"Wrong input: Not existing vector name error: {name}")
        rows = [item for item in self.chosen(request.filter) if name in item[1].vectors]
        asked = request.query
        if isinstance(asked, models.NearestQuery):
            asked = asked.nearest
        query = np.asarray(asked, dtype=np.float32)
        if len(query) != self.made.vectors[name].size:
            raise Refused(400, "Wrong input: Vector dimension error")
        scored = [(float(point.vectors[name] @ query), id, point) for id, point in rows]
        # A server breaks ties as it likes: here by a digest, which is no order of ours.
        scored.sort(key=lambda row: (-row[0], hashlib.sha256(row[1].encode()).digest()))
        return [
            {
                "id": id,
                "version": 1,
                "score": score,
                "payload": _selected(point.payload, request.with_payload),
            }
            for score, id, point in scored[: request.limit or 10]
        ]


class Store:
    """All collections and aliases."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.aliases: dict[str, str] = {}

    def get(self, name: str) -> Collection:
        found = self.collections.get(self.aliases.get(name, name))
        if found is None:
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        return found

    # -- collections and aliases -------------------------------------------------------------

    def create(self, name: str, body: dict) -> bool:
        if name in self.collections or name in self.aliases:
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        self.collections[name] = Collection(models.CreateCollection.model_validate(body))
        return True

    def drop(self, name: str) -> bool:
        self.aliases = {alias: to for alias, to in self.aliases.items() if to != name}
        return self.collections.pop(name, None) is not None

    def change_aliases(self, body: dict) -> bool:
        wanted = dict(self.aliases)
        for action in models.ChangeAliasesOperation.model_validate(body).actions:
            if isinstance(action, models.CreateAliasOperation):
                made = action.create_alias
                if made.alias_name in self.collections:
                    raise Refused(409, f"Collection `{made.alias_name}` already exists!")
                if made.collection_name not in self.collections:
                    raise Refused(404, f"Collection `{made.collection_name}` doesn't exist!")
                wanted[made.alias_name] = made.collection_name
            else:
                assert isinstance(action, models.DeleteAliasOperation)
                wanted.pop(action.delete_alias.alias_name, None)
        self.aliases = wanted
        return True

    def listed_aliases(self) -> dict:
        return {
            "aliases": [
                {"alias_name": alias, "collection_name": to} for alias, to in self.aliases.items()
            ]
        }

    def listed(self) -> dict:
        return {"collections": [{"name": name} for name in self.collections]}

    def info(self, name: str) -> dict:
        collection = self.get(name)
        made = collection.made.model_dump(mode="json", exclude_none=True)
        params = {
            key: made[key]
            for key in ("vectors", "shard_number", "replication_factor", "write_consistency_factor")
            if key in made
        }
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": len(collection.points),
            "indexed_vectors_count": 0,
            "segments_count": 1,
            "config": {
                "params": params,
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
            },
            "payload_schema": {
                field: {"data_type": schema, "points": 0}
                for field, schema in collection.indexes.items()
            },
        }

    def create_index(self, name: str, body: dict) -> dict:
        collection, asked = self.get(name), models.CreateFieldIndex.model_validate(body)
        collection.indexes[asked.field_name] = str(asked.field_schema)
        collection.index_order.append((asked.field_name, len(collection.points)))
        return _done()

    # -- points ------------------------------------------------------------------------------

    def upsert(self, name: str, body: dict, wait: bool) -> dict:
        try:
            self.get(name).upsert(models.PointsList.model_validate(body).points)
        except Refused:
            if wait:
                raise
        return _done()

    def delete(self, name: str, body: dict) -> dict:
        for id in models.PointIdsList.model_validate(body).points:
            self.get(name).points.pop(str(id), None)
        return _done()

    def retrieve(self, name: str, body: dict) -> list[dict]:
        asked, points = models.PointRequest.model_validate(body), self.get(name).points
        return [
            _record(str(id), points[str(id)], asked.with_payload, asked.with_vector)
            for id in asked.ids
            if str(id) in points
        ]

    def scroll(self, name: str, body: dict) -> dict:
        asked = models.ScrollRequest.model_validate(body)
        rows = self.get(name).chosen(asked.filter)
        if asked.offset is not None:
            rows = [row for row in rows if row[0] >= str(asked.offset)]
        limit = asked.limit or 10
        return {
            "points": [
                _record(id, point, asked.with_payload, asked.with_vector)
                for id, point in rows[:limit]
            ],
            "next_page_offset": rows[limit][0] if len(rows) > limit else None,
        }

    def count(self, name: str, body: dict) -> dict:
        asked = models.CountRequest.model_validate(body)
        return {"count": len(self.get(name).chosen(asked.filter))}

    def facet(self, name: str, body: dict) -> dict:
        asked, collection = models.FacetRequest.model_validate(body), self.get(name)
        if asked.key not in collection.indexes:
            raise Refused(400, f"Index required but not found for {asked.key}")
        counts: dict[str, int] = {}
        for _, point in collection.chosen(asked.filter):
            if asked.key in point.payload:
                counts[point.payload[asked.key]] = counts.get(point.payload[asked.key], 0) + 1
        hits = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: asked.limit or 10]
        return {"hits": [{"value": value, "count": count} for value, count in hits]}

    def query(self, name: str, body: dict) -> list[dict]:
        searches = models.QueryRequestBatch.model_validate(body).searches
        return [{"points": self.get(name).query(search)} for search in searches]


def _record(id: str, point: Point, with_payload, with_vector) -> dict:
    record = {"id": id, "payload": _selected(point.payload, with_payload)}
    if with_vector:
        names = point.vectors if with_vector is True else with_vector
        record["vector"] = {
            name: point.vectors[name].tolist() for name in names if name in point.vectors
        }
    return record


def _selected(payload: dict, wanted) -> dict | None:
    if wanted is True:
        return payload
    if isinstance(wanted, list):
        return {name: payload[name] for name in wanted if name in payload}
    return None


def _done() -> dict:
    return {"operation_id": 1, "status": "completed"}
