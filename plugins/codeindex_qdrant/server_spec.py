"""The backend `qdrant`: its options, and how it is opened. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from codeindex.interfaces import Attached, IndexBackend
from codeindex.specs import BackendSpec

if TYPE_CHECKING:
    from codeindex.vectors import VectorSpace

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class QdrantOptions:
    """Options of the backend `qdrant`.

    Raises:
        ValueError: a value that no server could take, or a URL with a secret in it.
    """

    url: str = _option("http://localhost:6333", "Of the server or cluster.")
    collection: str = _option("codeindex", "The name, an alias, under which it is searched.")
    api_key_env: str = _option(
        "", "Environment variable that holds the key; over http:// it is sent in the clear."
    )
    grpc: bool = _option(False, "Speak gRPC instead of REST.")
    grpc_port: int = _option(6334, "Port of gRPC.")
    timeout: int = _option(60, "Seconds to wait for an answer.")
    retries: int = _option(4, "Times to try again when the server is away or overloaded.")
    batch_size: int = _option(128, "Points in one upload.")
    parallel: int = _option(2, "Uploads at the same time; one for each shard is good.")
    replace: bool = _option(False, "Take over a collection that belongs to another index.")
    shard_number: int | None = _option(None, "Shards; a multiple of the number of nodes.")
    replication_factor: int | None = _option(None, "Copies of every shard.")
    write_consistency_factor: int | None = _option(
        None, "Copies that must have a change before it counts."
    )
    on_disk: bool = _option(False, "Keep the vectors on disk, not in memory.")
    quantization: Literal["none", "scalar", "binary"] = _option(
        "none", "Smaller vectors to search by; the best are scored again with the whole ones."
    )
    m: int | None = _option(None, "HNSW: links of a vector.")
    ef_construct: int | None = _option(None, "HNSW: candidates while building.")
    ef: int | None = _option(None, "HNSW: candidates while searching; more find more.")

    def __post_init__(self) -> None:
        _check_url(self.url)
        if not self.collection or len(self.collection) > 200 or _FORBIDDEN.search(self.collection):
            raise ValueError(
                f"collection={self.collection}: expected 1 to 200 characters, none of them"
                ' < > : " / \\ | ? *'
            )
        for name in ("timeout", "batch_size", "parallel", "grpc_port"):
            _at_least(name, getattr(self, name), 1)
        _at_least("retries", self.retries, 0)
        _at_least("m", self.m, 0)
        for name in ("shard_number", "replication_factor", "write_consistency_factor"):
            _at_least(name, getattr(self, name), 1)
        for name in ("ef_construct", "ef"):
            _at_least(name, getattr(self, name), 1)


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ValueError(f"{name}={value}: expected at least {least}")


def _check_url(url: str) -> None:
    """Refuses what is no URL of a server; never repeats a URL that may hold a secret."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("url: expected http://HOST:PORT or https://HOST:PORT") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "url: expected no name, password, ? or #, as options are kept in the index;"
            " put the key into an environment variable and name that: api_key_env=NAME"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"url={url}: expected http://HOST:PORT or https://HOST:PORT")


def _open(
    options: QdrantOptions, folder: Path, space: VectorSpace, files: Mapping[str, str]
) -> IndexBackend:
    from codeindex_qdrant.server.backend import QdrantBackend
    from codeindex_qdrant.server.connection import Connection

    return QdrantBackend(Connection(options), folder, space.dim, files)


def _attach(options: QdrantOptions) -> Attached:
    from codeindex_qdrant.server.attached import AttachedCollection
    from codeindex_qdrant.server.connection import Connection

    return AttachedCollection(Connection(options))


SPEC = BackendSpec(
    name="qdrant",
    summary="A Qdrant server or cluster; other machines can search it.",
    options=QdrantOptions,
    open=_open,
    attach=_attach,
    changeable=frozenset(
        {
            "url",
            "api_key_env",
            "grpc",
            "grpc_port",
            "timeout",
            "retries",
            "batch_size",
            "parallel",
            "replace",
            "ef",
        }
    ),
    requires=("qdrant_client",),
    install="pip install 'qdrant-client>=1.20,<2'",
)
