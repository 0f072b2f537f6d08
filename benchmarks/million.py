"""A million vectors in the backend `faiss`: speed, recall, filters, memory, opening, changing.

The vectors are derived from those of real code (see `frame.vectors`); questions are first
paragraphs of docstrings. Truth is a scan of all vectors in float32.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.frame import curves
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, seconds
from benchmarks.frame.opened import asking
from benchmarks.frame.process import environment, peak_memory_mb, timed
from benchmarks.frame.recall import Asked, ask, truth
from benchmarks.frame.vectors import DEFAULT, FILTERS, MINILM, derived, payloads, real_vectors
from codeindex.filters import Filter
from codeindex.vectors import Embeddings
from codeindex_faiss.backend import FaissBackend
from codeindex_faiss.structures import PQ, Building, Searching

_BATCH, _K = 4096, 10
_CANDIDATES = (50, 100, 200, 500, 1000)
_ALL = Filter()


@dataclass(frozen=True)
class Built:
    """The index, as it was committed."""

    folder: Path
    files: dict[str, str]
    dim: int
    seconds: float


def measure(settings: Settings) -> list[Measure]:
    """Both dimensions, one after the other."""
    rows: list[Measure] = []
    lines: list[curves.Curve] = []
    for encoder in (DEFAULT, MINILM):
        its, curve = _measure(settings, encoder)
        rows += its
        lines.append(curve)
    if not settings.quick:
        curves.draw(lines, "million", "1,000,000 vectors, one query at a time, one thread")
    return rows


def _measure(settings: Settings, encoder: str) -> tuple[list[Measure], curves.Curve]:
    real = real_vectors(settings, encoder)
    number = 20_000 if settings.quick else 1_000_000
    count = 50 if settings.quick else 500
    vectors, queries = derived(real.corpus, number), real.queries[:count]
    dim = vectors.shape[1]
    facts = payloads(number)
    built = _built(settings, vectors)
    best = truth(vectors, queries, _K)
    name = f"{number:,} × {dim}"
    points = [_asked(built, queries, best, candidates) for candidates in _CANDIDATES]
    backend = _opened(built)
    usual = ask(backend, queries, best, _ALL)
    rows = [
        Measure(
            f"{name}: p50 of a query, at recall@10 ≥ 0.95",
            1000 * usual.p50,
            "ms",
            5,
            f"recall@10 {usual.recall:.3f}; built in {seconds(built.seconds)}; {real.origin}, the"
            " others derived from them",
        ),
        Measure(f"{name}: recall@10", usual.recall, "recall", 0.95, at_least=True),
        *_filtered(name, backend, vectors, queries, facts, usual),
    ]
    backend.close()
    memory = _memory(name, built, real.queries, number)
    rows += [memory, *_opening(settings, name, built, queries)]
    rows.append(_replacing(name, built, vectors))
    bytes_on_disk = sum((built.folder / file).stat().st_size for file in built.files)
    curve = curves.Curve(
        f"faiss pq, {dim} dimensions", points, bytes_on_disk, memory.value, built.seconds
    )
    return rows, curve


def _built(settings: Settings, vectors: Embeddings) -> Built:
    """The index, built now, or as it was built and kept in the cache."""
    number, dim = vectors.shape
    folder = settings.cache / f"million-{number}-{dim}-{PQ}"
    note = folder / "built.json"
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made = _build(folder, vectors)
        note.write_text(json.dumps({"files": made.files, "seconds": made.seconds}), "utf-8")
    facts = json.loads(note.read_text("utf-8"))
    return Built(folder, facts["files"], dim, facts["seconds"])


def _build(folder: Path, vectors: Embeddings) -> Built:
    facts = payloads(len(vectors))
    started = time.perf_counter()
    backend = FaissBackend(folder, vectors.shape[1], {}, building=Building(PQ))
    for start in range(0, len(vectors), _BATCH):
        end = min(start + _BATCH, len(vectors))
        backend.add(range(start, end), vectors[start:end], facts[start:end])
    backend.optimize()
    files = dict(backend.commit())
    took = time.perf_counter() - started
    backend.close()
    return Built(folder, files, vectors.shape[1], took)


def _opened(built: Built, candidates: int | None = None) -> FaissBackend:
    how = Searching() if candidates is None else Searching(candidates=candidates)
    building = Building(PQ)
    return FaissBackend(built.folder, built.dim, built.files, building=building, searching=how)


def _asked(built: Built, queries: Embeddings, best: Embeddings, candidates: int) -> curves.Point:
    backend = _opened(built, candidates)
    asked = ask(backend, queries, best, _ALL)
    backend.close()
    return curves.Point(asked.recall, 1 / asked.p50)


def _filtered(
    name: str,
    backend: FaissBackend,
    vectors: Embeddings,
    queries: Embeddings,
    facts: Sequence[object],
    usual: Asked,
) -> list[Measure]:
    rows = []
    for share, where in FILTERS.items():
        allowed = np.array([where.matches(fact) for fact in facts])  # type: ignore[arg-type]
        best = truth(vectors[allowed], queries, _K)
        started = time.perf_counter()
        backend.search(queries[:1], _K, where)
        first = time.perf_counter() - started
        asked = ask(backend, queries, best, where)
        rows += [
            Measure(
                f"{name}, filter of {share}: recall@10", asked.recall, "recall", 0.99, at_least=True
            ),
            Measure(
                f"{name}, filter of {share}: p50 against the unfiltered",
                asked.p50 / usual.p50,
                "×",
                2,
                f"{seconds(asked.p50)}; the first with a filter {seconds(first)}",
            ),
        ]
    return rows


def _argv(built: Built, queries: Embeddings, scratch: str) -> list[str]:
    return asking("faiss", {}, built.folder, built.files, queries, Path(scratch))


def _memory(name: str, built: Built, queries: Embeddings, number: int) -> Measure:
    with tempfile.TemporaryDirectory() as scratch:
        peak = peak_memory_mb(_argv(built, queries, scratch))
    limit = 1.3 * number * built.dim / 1e6 + 200
    return Measure(
        f"{name}: memory of a process that searches, after {len(queries):,} queries",
        peak,
        "MB",
        round(limit),
        f"the vectors are {number * built.dim / 1e6:.0f} MB in SQ8",
    )


def _opening(settings: Settings, name: str, built: Built, queries: Embeddings) -> list[Measure]:
    with tempfile.TemporaryDirectory() as scratch:
        argv = _argv(built, queries[:1], scratch)
        times = [timed(argv, environment()) for _ in range(settings.repeats)]
    return [
        Measure(
            f"{name}: a fresh process opens it and answers a query",
            median(times),
            "s",
            1,
            samples={"process": times},
        )
    ]


def _replacing(name: str, built: Built, vectors: Embeddings) -> Measure:
    """Every hundredth vector is replaced by another, and the change made durable."""
    ids = list(range(0, len(vectors), 100))
    new = np.roll(vectors, 1, axis=0)[ids]
    facts = payloads(len(ids))
    backend = _opened(built)
    started = time.perf_counter()
    backend.remove(ids)
    backend.add([len(vectors) + id for id in ids], new, facts)
    backend.commit()
    took = time.perf_counter() - started
    backend.close()
    for path in built.folder.glob("delta-*"):
        path.unlink()
    return Measure(
        f"{name}: replacing 1 % of them against building it",
        100 * took / built.seconds,
        "%",
        2,
        f"{seconds(took)} against {seconds(built.seconds)}",
    )


BENCHMARK = Benchmark("million", "a million vectors in the backend faiss", measure)
