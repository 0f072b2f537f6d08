"""Plugin `faiss`: an index backend in files, searched by FAISS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import IndexBackend
from codeindex.specs import BackendSpec

if TYPE_CHECKING:
    from codeindex.vectors import VectorSpace


@dataclass(frozen=True)
class FaissOptions:
    """Options of the backend `faiss`."""

    type: Literal["auto", "flat", "sq8", "pq", "hnsw", "ivf"] = field(
        default="auto",
        metadata={
            "help": "auto (flat up to 200,000 vectors, then pq, hnsw from 4,000,000);"
            " flat, sq8: exact; pq, hnsw, ivf: fast with many."
        },
    )
    m: int = field(default=16, metadata={"help": "hnsw: links of a vector."})
    ef_construction: int = field(default=160, metadata={"help": "hnsw: effort of building."})
    nlist: int = field(default=0, metadata={"help": "ivf: lists; 0 = 4 √n."})
    ef: int = field(default=800, metadata={"help": "hnsw: effort of a search."})
    nprobe: int = field(default=32, metadata={"help": "ivf: lists that a search reads."})
    candidates: int = field(
        default=500, metadata={"help": "pq: how many are looked at closely in a search."}
    )
    threads: int = field(default=0, metadata={"help": "Threads of a search; 0 = one a core."})

    def __post_init__(self) -> None:
        """Raises ValueError for a number that FAISS would crash on."""
        least = {"m": 2, "ef_construction": 1, "nlist": 0, "ef": 1, "nprobe": 1, "candidates": 1}
        least["threads"] = 0
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise ValueError(f"{name} must be at least {limit}, not {getattr(self, name)}")


def _open(
    options: FaissOptions, folder: Path, space: VectorSpace, files: Mapping[str, str]
) -> IndexBackend:
    from codeindex_faiss.backend import FaissBackend
    from codeindex_faiss.structures import Building, Searching

    building = Building(options.type, options.m, options.ef_construction, options.nlist)
    searching = Searching(options.ef, options.nprobe, options.candidates)
    return FaissBackend(folder, space.dim, files, options.threads, building, searching)


@hookimpl
def codeindex_backends() -> Iterable[BackendSpec]:
    """The backend `faiss`."""
    return [
        BackendSpec(
            name="faiss",
            summary="FAISS, in mapped files: exact; PQ, HNSW or IVF for many vectors.",
            options=FaissOptions,
            open=_open,
            changeable=frozenset({"threads", "ef", "nprobe", "candidates"}),
            requires=("faiss",),
            install="pip install faiss-cpu",
        )
    ]
