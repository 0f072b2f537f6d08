"""How a physical collection is made: one named vector, payload indexes before any point."""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

from qdrant_client import models

from codeindex_qdrant.payload import INTEGER_FIELDS, KEYWORD_FIELDS
from codeindex_qdrant.server.connection import AlreadyThere, Connection
from codeindex_qdrant.server_spec import QdrantOptions

VECTOR = "dense"
"""Name of the vector of a point."""


def family(collection: str, index: str) -> str:
    """What the names of all physical collections of one index begin with."""
    return f"{collection}--{index[:12] or 'unnamed'}-"


def create(connection: Connection, index: str, dim: int) -> str:
    """Makes an empty physical collection; its name.

    The payload indexes come first, so that the vector index is built with links for filters.

    Raises:
        UnavailableError, StorageError: see `Connection.call`.
    """
    options = connection.options
    physical = f"{family(options.collection, index)}{uuid4().hex[:12]}"
    # An attempt whose answer was lost has made it: nobody else makes that name.
    with suppress(AlreadyThere):
        connection.call(
            f"making the collection {physical}",
            lambda client: client.create_collection(
                physical,
                vectors_config={VECTOR: _vector(options, dim)},
                shard_number=options.shard_number,
                replication_factor=options.replication_factor,
                write_consistency_factor=options.write_consistency_factor,
                hnsw_config=_hnsw(options),
                quantization_config=_quantization(options),
                on_disk_payload=True,  # code is only read for results; what filters use is indexed
            ),
        )
    keyword, integer = models.PayloadSchemaType.KEYWORD, models.PayloadSchemaType.INTEGER
    for name, schema in [
        *((name, keyword) for name in KEYWORD_FIELDS),
        *((name, integer) for name in INTEGER_FIELDS),
    ]:
        _index(connection, physical, name, schema)
    return physical


def _index(
    connection: Connection, physical: str, name: str, schema: models.PayloadSchemaType
) -> None:
    connection.call(
        f"making the index of {name!r} in {physical}",
        lambda client: client.create_payload_index(physical, name, field_schema=schema, wait=True),
    )


def _vector(options: QdrantOptions, dim: int) -> models.VectorParams:
    return models.VectorParams(
        size=dim, distance=models.Distance.DOT, on_disk=options.on_disk or None
    )


def _hnsw(options: QdrantOptions) -> models.HnswConfigDiff | None:
    if options.m is None and options.ef_construct is None:
        return None
    return models.HnswConfigDiff(m=options.m, ef_construct=options.ef_construct)


def _quantization(options: QdrantOptions) -> models.QuantizationConfig | None:
    if options.quantization == "scalar":
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        return models.ScalarQuantization(scalar=scalar)
    if options.quantization == "binary":
        binary = models.BinaryQuantizationConfig(always_ram=True)
        return models.BinaryQuantization(binary=binary)
    return None
