"""The backend `faiss` beside the bare FAISS calls: the same types of index, the same vectors.

The bare calls make what codeindex's types are: an exact index, or codes of one byte a value that
find candidates, whose scores then come from the vectors (``IndexRefineFlat``), with ids of the
caller's. Adding ends when the index is built and its files are forced to the disk, by both;
codeindex takes their digests as well.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import faiss as _faiss
import numpy as np

from benchmarks.frame.benchmark import Benchmark, Measure, Settings, seconds
from benchmarks.frame.process import alternating
from benchmarks.frame.vectors import DEFAULT, payloads, real_vectors
from codeindex.filters import Filter
from codeindex.indexing import available_cores
from codeindex.vectors import Embeddings
from codeindex_faiss.backend import FaissBackend
from codeindex_faiss.structures import Building, Searching

faiss: Any = _faiss

_NUMBER, _BATCH, _QUERIES = 100_000, 4096, 256
_EF, _NPROBE, _M, _EF_CONSTRUCTION, _K = 128, 32, 16, 120, 10
_CANDIDATES = Searching().candidates
_THREADS = available_cores()
_KINDS = ("flat", "sq8", "pq", "hnsw", "ivf")


@dataclass
class Pair:
    """codeindex's index of some vectors, and the bare one."""

    ours: FaissBackend
    bare: Any


def measure(settings: Settings) -> list[Measure]:
    """Every type: adding, searching for one, searching for many at once."""
    real = real_vectors(settings, DEFAULT)
    number = 2000 if settings.quick else _NUMBER
    vectors, queries = real.corpus[:number], real.queries[:_QUERIES]
    ratios: dict[str, dict[str, tuple[float, str]]] = {}
    for kind in _KINDS:
        ratios[kind] = _compare(kind, vectors, queries, settings)
    return [
        Measure(
            f"{what} through codeindex against the bare FAISS calls, time; the worst of the types",
            max(ratios[kind][what][0] for kind in _KINDS),
            "×",
            1.1,
            "; ".join(
                f"{kind} {ratios[kind][what][0]:.2f}× {ratios[kind][what][1]}" for kind in _KINDS
            )
            + f"; {len(vectors):,} vectors",
        )
        for what in ("adding", "searching for one", "searching for many at once")
    ]


def _compare(
    kind: str, vectors: Embeddings, queries: Embeddings, settings: Settings
) -> dict[str, tuple[float, str]]:
    facts = payloads(len(vectors))
    with tempfile.TemporaryDirectory() as scratch:
        made: dict[str, Any] = {}

        def ours() -> float:
            folder = Path(tempfile.mkdtemp(dir=scratch))
            started = time.perf_counter()
            made["ours"] = _add_ours(folder, kind, vectors, facts)
            return time.perf_counter() - started

        def bare() -> float:
            path = Path(tempfile.mkdtemp(dir=scratch)) / "bare.faiss"
            started = time.perf_counter()
            made["bare"] = _add_bare(path, kind, vectors)
            return time.perf_counter() - started

        repeats = min(settings.repeats, 3) if kind == "hnsw" else settings.repeats
        adding = alternating({"ours": ours, "bare": bare}, repeats)
        one = alternating(
            {
                "ours": partial(_one_by_one, partial(_ask_ours, made["ours"]), queries),
                "bare": partial(_one_by_one, _asking(made["bare"], kind), queries),
            },
            settings.repeats,
        )
        many = alternating(
            {
                "ours": partial(_at_once, partial(_ask_ours, made["ours"]), queries),
                "bare": partial(_at_once, _asking(made["bare"], kind), queries),
            },
            settings.repeats,
        )
    return {
        "adding": _ratio(adding),
        "searching for one": _ratio(one),
        "searching for many at once": _ratio(many),
    }


def _ratio(times: dict[str, list[float]]) -> tuple[float, str]:
    pairs = [a / b for a, b in zip(times["ours"], times["bare"], strict=True)]
    ours, bare = seconds(median(times["ours"])), seconds(median(times["bare"]))
    return median(pairs), f"({ours} against {bare})"


def _add_ours(folder: Path, kind: str, vectors: Embeddings, facts: list[Any]) -> FaissBackend:
    backend = FaissBackend(
        folder,
        vectors.shape[1],
        {},
        building=Building(kind, _M, _EF_CONSTRUCTION),
        searching=Searching(_EF, _NPROBE),
    )
    for start in range(0, len(vectors), _BATCH):
        end = min(start + _BATCH, len(vectors))
        backend.add(range(start, end), vectors[start:end], facts[start:end])
    if kind in ("pq", "hnsw", "ivf"):
        backend.optimize()
    backend.commit()
    return backend


def _add_bare(path: Path, kind: str, vectors: Embeddings) -> Any:
    dim = vectors.shape[1]
    index = faiss.IndexFlatIP(dim) if kind == "flat" else faiss.IndexRefineFlat(_coded(kind, dim))
    index = faiss.IndexIDMap2(index)
    index.train(vectors)
    for start in range(0, len(vectors), _BATCH):
        end = min(start + _BATCH, len(vectors))
        index.add_with_ids(vectors[start:end], np.arange(start, end))
    faiss.write_index(index, str(path))
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return index


def _coded(kind: str, dim: int) -> Any:
    code, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    if kind == "hnsw":
        index = faiss.IndexHNSWSQ(dim, code, _M, metric)
        index.hnsw.efConstruction = _EF_CONSTRUCTION
        return index
    if kind == "ivf":
        nlist = round(4 * _NUMBER**0.5)
        return faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, nlist, code, metric, False
        )
    if kind == "pq":
        return faiss.IndexPQFastScan(dim, dim // 4, 4, metric)
    return faiss.IndexScalarQuantizer(dim, code, metric)


def _ask_ours(backend: FaissBackend, queries: Embeddings) -> Any:
    return backend.search(queries, _K, Filter())


def _asking(index: Any, kind: str) -> Callable[[Embeddings], Any]:
    parameters = None
    if kind != "flat":
        inner = None
        if kind == "hnsw":
            inner = faiss.SearchParametersHNSW(efSearch=_EF)
        elif kind == "ivf":
            inner = faiss.SearchParametersIVF(nprobe=_NPROBE)
        factor = _CANDIDATES // _K if kind == "pq" else 3
        parameters = faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=inner)

    def ask(queries: Embeddings) -> Any:
        return index.search(queries, _K, params=parameters)

    return ask


def _one_by_one(ask: Callable[[Embeddings], Any], queries: Embeddings) -> float:
    faiss.omp_set_num_threads(_THREADS)
    started = time.perf_counter()
    for row in range(len(queries)):
        ask(queries[row : row + 1])
    return time.perf_counter() - started


def _at_once(ask: Callable[[Embeddings], Any], queries: Embeddings) -> float:
    faiss.omp_set_num_threads(_THREADS)
    started = time.perf_counter()
    ask(queries)
    return time.perf_counter() - started


BENCHMARK = Benchmark("faiss_calls", "the backend faiss beside the bare FAISS calls", measure)
