"""The embedded backends on 100,000 snippets of real code, and qdrant-client's local mode."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frame import curves
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, seconds
from benchmarks.frame.opened import asking
from benchmarks.frame.process import peak_memory_mb
from benchmarks.frame.recall import ask, truth
from benchmarks.frame.vectors import DEFAULT, FILTERS, payloads, real_vectors
from codeindex.filters import Filter, Payload
from codeindex.host import Host
from codeindex.vectors import Embeddings, VectorSpace

_BATCH, _K, _LOCAL_BATCH, _LOCAL_QUERIES = 4096, 10, 256, 10


@dataclass(frozen=True)
class Kind:
    """One way to keep the vectors.

    Attributes:
        options: of building.
        efforts: options of searching, by rising effort.
    """

    name: str
    backend: str
    options: dict[str, Any]
    efforts: Sequence[dict[str, Any]]
    optimize: bool = True


_EFS = [{"ef": ef} for ef in (32, 64, 128, 256, 600)]
_KINDS = (
    Kind("faiss flat", "faiss", {"type": "flat"}, [{}], optimize=False),
    Kind("faiss sq8", "faiss", {"type": "sq8"}, [{}], optimize=False),
    Kind(
        "faiss pq",
        "faiss",
        {"type": "pq"},
        [{"candidates": number} for number in (30, 60, 120, 250, 500)],
    ),
    Kind("faiss hnsw", "faiss", {"type": "hnsw"}, _EFS),
    Kind(
        "faiss ivf",
        "faiss",
        {"type": "ivf"},
        [{"nprobe": probes} for probes in (4, 16, 32, 64, 128)],
    ),
    Kind("qdrant-edge, exact", "qdrant-edge", {}, [{}], optimize=False),
    Kind("qdrant-edge, hnsw", "qdrant-edge", {}, _EFS),
)


def measure(settings: Settings) -> list[Measure]:
    """Every backend's curve; then what the embedded engine is against the local mode."""
    number = 3000 if settings.quick else 100_000
    real = real_vectors(settings, DEFAULT)
    vectors = np.ascontiguousarray(real.corpus[:number])
    queries, facts = real.queries[: 20 if settings.quick else 300], payloads(number)
    best = truth(vectors, queries, _K)
    lines = []
    for kind in _KINDS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(_curve(kind, Path(folder), vectors, facts, queries, best))
    if not settings.quick:
        title = f"{number:,} snippets of real code, {vectors.shape[1]} dimensions, one by one"
        curves.draw(lines, "backends", title)
    return [_best_of(line) for line in lines] + _against_local(vectors, facts, queries)


def _opened(kind: Kind, folder: Path, dim: int, files: dict[str, str], effort: Any) -> Any:
    host = Host.load()
    offer = host.backends.get(kind.backend)
    options = {**kind.options, **effort}
    return host.make(
        offer,
        "backend",
        options,
        lambda made: offer.spec.open(made, folder, VectorSpace(dim), files),
    )


def _fill(backend: Any, vectors: Embeddings, facts: Sequence[Payload]) -> None:
    for start in range(0, len(vectors), _BATCH):
        end = min(start + _BATCH, len(vectors))
        backend.add(range(start, end), vectors[start:end], facts[start:end])


def _curve(
    kind: Kind,
    folder: Path,
    vectors: Embeddings,
    facts: Sequence[Payload],
    queries: Embeddings,
    best: Embeddings,
) -> curves.Curve:
    dim = vectors.shape[1]
    started = time.perf_counter()
    backend = _opened(kind, folder, dim, {}, {})
    _fill(backend, vectors, facts)
    files = dict(backend.commit())
    if kind.optimize:
        backend.optimize()
        files = dict(backend.commit())
    took = time.perf_counter() - started
    backend.close()
    points = []
    for effort in kind.efforts:
        backend = _opened(kind, folder, dim, files, effort)
        asked = ask(backend, queries, best, Filter())
        points.append(curves.Point(asked.recall, 1 / asked.p50))
        backend.close()
    size = sum((folder / name).stat().st_blocks * 512 for name in files)
    with tempfile.TemporaryDirectory() as scratch:
        argv = asking(kind.backend, kind.options, folder, files, queries, Path(scratch))
        memory = peak_memory_mb(argv)
    return curves.Curve(kind.name, points, size, memory, took)


def _best_of(line: curves.Curve) -> Measure:
    """The fastest setting that finds 95 %."""
    good = [point for point in line.points if point.recall >= 0.95] or [line.points[-1]]
    chosen = max(good, key=lambda point: point.queries_per_second)
    return Measure(
        f"{line.name}, 100,000 vectors: p50 of a query at recall@10 ≥ 0.95",
        1000 / chosen.queries_per_second,
        "ms",
        None,
        f"recall@10 {chosen.recall:.3f}; built in {seconds(line.build_seconds)},"
        f" {line.bytes_on_disk / 1e6:.0f} MB on disk, {line.memory_mb:.0f} MB in memory",
    )


def _against_local(
    vectors: Embeddings, facts: Sequence[Payload], queries: Embeddings
) -> list[Measure]:
    edge = Kind("qdrant-edge", "qdrant-edge", {}, [{}])
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        backend = _opened(edge, Path(ours), vectors.shape[1], {}, {})
        started = time.perf_counter()
        _fill(backend, vectors, facts)
        backend.commit()
        inserting = time.perf_counter() - started
        local = _Local(Path(theirs), vectors.shape[1])
        started = time.perf_counter()
        local.fill(vectors, facts)
        local_inserting = time.perf_counter() - started
        rows = [
            _times(
                f"qdrant-edge against QdrantClient(path=…), inserting {len(vectors):,}",
                [inserting],
                [local_inserting],
                10,
            )
        ]
        for share, kind in (("20 %", "fifth"),):
            where = FILTERS[share]
            few = queries[:_LOCAL_QUERIES]
            rows.append(
                _times(
                    f"the same, searching with a filter of {share}",
                    _each(partial(backend.search, k=_K, where=where), queries),
                    _each(partial(local.search, kind=kind), few),
                    100,
                )
            )
        backend.close()
        local.close()
    return rows


def _each(search: Callable[..., Any], queries: Embeddings) -> list[float]:
    search(queries[:1])
    times = []
    for row in range(len(queries)):
        started = time.perf_counter()
        search(queries[row : row + 1])
        times.append(time.perf_counter() - started)
    return times


def _times(name: str, ours: list[float], theirs: list[float], goal: float) -> Measure:
    mine, other = float(np.median(ours)), float(np.median(theirs))
    return Measure(
        name,
        other / mine,
        "×",
        goal,
        f"{seconds(mine)} against {seconds(other)}",
        {"codeindex": ours, "peer": theirs},
        at_least=True,
    )


class _Local:
    """qdrant-client's own local mode, used as its documentation does."""

    def __init__(self, folder: Path, dim: int) -> None:
        from qdrant_client import QdrantClient, models

        warnings.filterwarnings("ignore", module="qdrant_client")
        warnings.filterwarnings("ignore", message="Payload indexes have no effect")
        warnings.filterwarnings("ignore", message="Local mode is not recommended")
        self._models = models
        self._client = QdrantClient(path=str(folder))
        self._client.create_collection(
            "code", vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT)
        )
        for field in ("path", "language", "kind"):
            self._client.create_payload_index("code", field, models.PayloadSchemaType.KEYWORD)

    def fill(self, vectors: Embeddings, facts: Sequence[Payload]) -> None:
        """In batches, as points with payloads."""
        for start in range(0, len(vectors), _LOCAL_BATCH):
            rows = range(start, min(start + _LOCAL_BATCH, len(vectors)))
            points = [
                self._models.PointStruct(
                    id=row,
                    vector=vectors[row].tolist(),
                    payload={
                        "path": facts[row].path,
                        "language": facts[row].language,
                        "kind": facts[row].kind,
                    },
                )
                for row in rows
            ]
            self._client.upsert("code", points, wait=True)

    def search(self, queries: Embeddings, kind: str) -> Any:
        """The ten best of one query, of one kind."""
        condition = self._models.FieldCondition(
            key="kind", match=self._models.MatchValue(value=kind)
        )
        return self._client.query_points(
            "code",
            query=queries[0].tolist(),
            limit=_K,
            query_filter=self._models.Filter(must=[condition]),
        )

    def close(self) -> None:
        """Ends it."""
        self._client.close()


BENCHMARK = Benchmark("backends", "embedded backends at 100,000 vectors", measure)
