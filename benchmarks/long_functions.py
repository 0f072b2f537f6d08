"""Long functions: embedded in windows, beside cut where the encoder ends, and beside a vector
for each window."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.functions import SEED, Pairs, docstring_pairs
from benchmarks.quality.judging import difference
from codeindex.encoding import make_encoder
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.texts import HEAD_LINES
from codeindex.vectors import Embeddings
from codeindex.windows import encode_whole, window_size, windows

_Values = npt.NDArray[np.float64]
_POOL = {"fast": 10_000, "small": 3_000}
"""Functions of the standard library and Django that are searched; those that are long are all
among them."""


def measure(settings: Settings) -> list[Measure]:
    """Docstrings ask for their functions, which no longer have them; by the vectors alone."""
    host = Host.load()
    everything = docstring_pairs(settings, 100_000)
    measures = []
    for name, pool in _POOL.items():
        encoder = make_encoder(host, name, {})
        size = window_size(encoder)
        pairs, long = _some(everything, 300 if settings.quick else pool, size)
        measures.append(_measure(name, encoder, pairs, long, size))
    return measures


def _some(pairs: Pairs, count: int, size: int) -> tuple[Pairs, list[int]]:
    """All long ones and as many others as make `count`; and which are the long ones."""
    rows = list(range(len(pairs.corpus)))
    long = [row for row in rows if len(pairs.corpus[row]) > size][:count]
    others = sorted({*rows} - {*long})
    random.Random(SEED).shuffle(others)  # noqa: S311
    chosen = [*long, *others[: max(0, count - len(long))]]
    queries = [pairs.queries[row] for row in chosen]
    corpus = [pairs.corpus[row] for row in chosen]
    return Pairs(queries, corpus, [[n] for n in range(len(chosen))]), list(range(len(long)))


def _measure(name: str, encoder: Encoder, pairs: Pairs, long: Sequence[int], size: int) -> Measure:
    queries = encoder.encode_queries([pairs.queries[row] for row in long])
    cut = _gains(queries @ encoder.encode_corpus(pairs.corpus).T)
    whole = _gains(queries @ encode_whole(encoder, pairs.corpus, HEAD_LINES).T)
    best, parts = _best_part(queries, encoder, pairs.corpus, size)
    gain: dict[str, Any] = difference(whole, cut)
    low, high = gain["interval_95"]
    detail = (
        f"{len(long)} long of {len(pairs.corpus):,} functions, {parts:,} windows: cut"
        f" {cut.mean():.3f}, in windows {whole.mean():.3f}, a vector for each window"
        f" {best.mean():.3f}; 95 % interval of the gain {low:+.3f} to {high:+.3f},"
        f" p {gain['p']:.2g}"
    )
    return Measure(
        f"long functions, docstring → function, NDCG@10, `{name}` dense: windows less cut",
        round(gain["mean"], 3),
        "",
        0.0,
        detail,
        at_least=True,
    )


def _best_part(
    queries: Embeddings, encoder: Encoder, texts: Sequence[str], size: int
) -> tuple[_Values, int]:
    parts = [windows(text, size, HEAD_LINES) if len(text) > size else [text] for text in texts]
    vectors = encoder.encode_corpus([part for its in parts for part in its])
    starts = np.cumsum([0, *(len(its) for its in parts[:-1])])
    return _gains(np.maximum.reduceat(queries @ vectors.T, starts, axis=1)), len(vectors)


def _gains(scores: Embeddings) -> _Values:
    """NDCG@10 of each query, row by row, where the row of the same number answers it."""
    own = np.diagonal(scores)[:, None]
    ranks = (scores > own).sum(axis=1) + 1
    return np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0.0)


BENCHMARK = Benchmark("long_functions", "functions that are longer than an encoder reads", measure)
