"""The backend `qdrant-edge`: its options, and how it is opened. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex.interfaces import IndexBackend
from codeindex.specs import BackendSpec

if TYPE_CHECKING:
    from codeindex.vectors import VectorSpace


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


_LEAST = {"m": 2, "ef_construct": 4, "ef": 1, "exact_below": 1, "exact_filtered": 0, "threads": 0}


@dataclass(frozen=True)
class EdgeOptions:
    """Options of the backend `qdrant-edge`.

    Raises:
        ValueError: a value that the engine could not take.
    """

    m: int = _option(16, "HNSW: links of a vector.")
    ef_construct: int = _option(100, "HNSW: candidates while building.")
    ef: int = _option(128, "HNSW: candidates while searching; more find more.")
    exact_below: int = _option(
        10_000, "Vectors of the index below which all are compared, graph or not."
    )
    exact_filtered: int = _option(
        50_000, "Vectors that a filter leaves, up to which all of them are compared."
    )
    on_disk: bool = _option(False, "Read vectors and graph from disk when they are needed.")
    threads: int = _option(0, "Threads of a search and of optimizing; 0 = one a core.")

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name}={value}: expected at least {least}")


def _open(
    options: EdgeOptions, folder: Path, space: VectorSpace, files: Mapping[str, str]
) -> IndexBackend:
    from codeindex_qdrant.edge.backend import EdgeBackend

    return EdgeBackend(folder, space.dim, files, options)


SPEC = BackendSpec(
    name="qdrant-edge",
    summary="The engine of Qdrant, in this process: HNSW and filters, for 100,000 and more.",
    options=EdgeOptions,
    open=_open,
    changeable=frozenset({"ef", "exact_filtered", "threads"}),
    requires=("qdrant_edge",),
    install="pip install 'qdrant-edge-py>=0.9,<0.10'",
)
