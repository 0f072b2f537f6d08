"""Plugin `faiss`: an index backend that searches exactly, by FAISS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import IndexBackend
from codeindex.specs import BackendSpec

if TYPE_CHECKING:
    from codeindex.vectors import VectorSpace


@dataclass(frozen=True)
class FaissOptions:
    """Options of the backend `faiss`."""

    threads: int = field(default=0, metadata={"help": "Threads of a search; 0 = one a core."})


def _open(
    options: FaissOptions, folder: Path, space: VectorSpace, files: Mapping[str, str]
) -> IndexBackend:
    from codeindex_faiss.backend import FaissBackend

    return FaissBackend(folder, space.dim, files, options.threads)


@hookimpl
def codeindex_backends() -> Iterable[BackendSpec]:
    """The backend `faiss`."""
    return [
        BackendSpec(
            name="faiss",
            summary="Exact inner product in memory, kept in one file.",
            options=FaissOptions,
            open=_open,
            changeable=frozenset({"threads"}),
            requires=("faiss",),
            install="pip install faiss-cpu",
        )
    ]
