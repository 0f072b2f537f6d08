"""What makes searching many vectors fast: a FAISS index beside them, of codes.

It finds candidates; their scores are then computed from the vectors themselves (refinement).
Codes have a byte a value, or, of product quantisation, half a byte for four values, of which a
processor adds up many at a time (André, Kermarrec and Le Scouarnec, "Cache locality is not enough:
high-performance nearest neighbor search with product quantization fast scan", VLDB 2015): scanning
a million takes as long as walking through a graph of them, which takes fifty times as long to build
and finds little once a filter leaves few of its nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from codeindex.errors import DamagedIndexError
from codeindex.vectors import Embeddings
from codeindex_faiss.files import read, write_index

faiss: Any = _faiss  # SWIG's annotations are not those of the wrappers that callers get

FLAT, SQ8, PQ, HNSW, IVF, AUTO = "flat", "sq8", "pq", "hnsw", "ivf", "auto"
APPROXIMATE = frozenset({PQ, HNSW, IVF})
"""Kinds that may miss one of the nearest, and take a while to build."""

EXACT_BELOW = 200_000
"""Vectors up to which a scan of all is fast enough that nothing need be approximate."""

SCANNED_BELOW = 4_000_000
"""Vectors up to which scanning the codes of all is as fast as a graph."""

_TRAINED_ON = 200_000  # vectors that codes are fitted to
_CODE = "QT_8bit"
_BITS = 4  # of a code of product quantisation; more could not be added up so fast
_LEAST_SAMPLE = 1000  # vectors; of fewer, some are taken several times


@dataclass(frozen=True)
class Building:
    """How a structure is built."""

    kind: str = AUTO
    m: int = 16
    ef_construction: int = 160
    nlist: int = 0

    def kind_for(self, number: int) -> str:
        """The kind for so many vectors."""
        if self.kind != AUTO:
            return self.kind
        if number <= EXACT_BELOW:
            return FLAT
        return PQ if number <= SCANNED_BELOW else HNSW


@dataclass(frozen=True)
class Searching:
    """How a structure is searched. More is more exact and slower."""

    ef: int = 800
    nprobe: int = 32
    candidates: int = 500

    def candidates_for(self, kind: str, k: int) -> int:
        """How many candidates of a structure the k best are taken from.

        Codes of a byte change the order a little, those of half a byte for four values much.
        """
        return max(self.candidates if kind == PQ else 0, 2 * k + 10)


class Structure:
    """A FAISS index of row numbers 0 … n − 1."""

    def __init__(self, index: Any, kind: str) -> None:
        """Takes the index and what kind it is."""
        self.index = index
        self.kind = kind
        self._usual: tuple[int, Any] = (0, None)  # effort, and FAISS's object that says so
        self._packed: Any = None  # the codes as a fast scan needs them; made when first searched

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def search(
        self, queries: Embeddings, k: int, how: Searching, selector: Any = None, effort: float = 1
    ) -> npt.NDArray[np.int64]:
        """Row numbers (n, ≤ k) of candidates, best first; a missing one is −1.

        Args:
            selector: which rows may be found; none of a kind that is scanned by packed codes.
            effort: how many times as much is looked at as usual, where few rows may be found.
        """
        if self.kind == PQ:
            return self._scanned(queries, k)
        parameters = self._parameters(k, how, selector, effort)
        rows: npt.NDArray[np.int64] = self.index.search(queries, k, params=parameters)[1]
        return rows

    def _scanned(self, queries: Embeddings, k: int) -> npt.NDArray[np.int64]:
        number = len(self)
        if k >= number:  # FAISS would leave out the worst
            return np.tile(np.arange(number, dtype=np.int64), (len(queries), 1))
        if self._packed is None:
            self._packed = faiss.IndexPQFastScan(self.index)
        rows: npt.NDArray[np.int64] = self._packed.search(queries, k)[1]
        return rows

    def _parameters(self, k: int, how: Searching, selector: Any, effort: float) -> Any:
        """FAISS's object; the usual one is made once, as making it takes as long as a hit."""
        if self.kind == HNSW:
            number, made = max(k, math.ceil(how.ef * effort)), _hnsw_parameters
        elif self.kind == IVF:
            number, made = min(self.index.nlist, math.ceil(how.nprobe * effort)), _ivf_parameters
        else:
            return faiss.SearchParameters(sel=selector)
        if selector is not None:
            return made(number, selector)
        if self._usual[0] != number:
            self._usual = (number, made(number, None))
        return self._usual[1]

    def part(self, rows: npt.NDArray[np.int64]) -> Structure:
        """Some rows, copied out, to be scanned: row i of it is ``rows[i]``."""
        store = faiss.downcast_index(self.index.storage) if self.kind == HNSW else self.index
        width = int(store.code_size)
        codes = faiss.rev_swig_ptr(store.codes.data(), len(self) * width).reshape(-1, width)
        if self.kind == PQ:
            few = _product(store.d)
            few.pq = store.pq
        else:
            few = _scalar(store.d)
            few.sq = store.sq
        few.is_trained = True
        few.add_sa_codes(np.ascontiguousarray(codes[rows]))
        return Structure(few, PQ if self.kind == PQ else SQ8)

    def write(self, path: Path) -> str:
        """Writes it; the file's SHA-256.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        return write_index(self.index, path)


def _hnsw_parameters(number: int, selector: Any) -> Any:
    return faiss.SearchParametersHNSW(efSearch=number, sel=selector)


def _ivf_parameters(number: int, selector: Any) -> Any:
    return faiss.SearchParametersIVF(nprobe=number, sel=selector)


def open_structure(path: Path, kind: str, dim: int, number: int) -> Structure:
    """Opens what `Structure.write` wrote, as a memory map that processes share.

    Raises:
        DamagedIndexError: the file holds something else.
    """
    index = read(path, faiss.IO_FLAG_MMAP_IFC)
    if (index.d, index.ntotal) != (dim, number):
        raise DamagedIndexError(
            f"{path} holds {index.ntotal} vectors of {index.d} dimensions, not {number} of {dim}"
        )
    return Structure(index, kind)


def build(
    kind: str, building: Building, sample: Embeddings, blocks: Iterable[Embeddings], number: int
) -> Structure:
    """Builds a structure of vectors that come in blocks. HNSW takes minutes for a million.

    Args:
        sample: what codes (and the lists of IVF) are fitted to, see `sample_rows`.
        number: of vectors in all.
    """
    dim = sample.shape[1]
    if kind == HNSW:
        index = faiss.IndexHNSWSQ(
            dim,
            getattr(faiss.ScalarQuantizer, _CODE),
            building.m,
            faiss.METRIC_INNER_PRODUCT,
        )
        index.hnsw.efConstruction = building.ef_construction
    elif kind == IVF:
        wanted = building.nlist or round(4 * math.sqrt(number))
        nlist = max(1, min(wanted, len(sample) // 39))  # FAISS wants 39 vectors for a list
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim),
            dim,
            nlist,
            getattr(faiss.ScalarQuantizer, _CODE),
            faiss.METRIC_INNER_PRODUCT,
            False,  # codes of the vectors themselves, not of what is left beside the centroid
        )
    elif kind == PQ:
        index = _product(dim)
        if len(sample) < _LEAST_SAMPLE:
            sample = np.resize(sample, (_LEAST_SAMPLE, dim))
    else:
        index = _scalar(dim)
    index.train(sample)
    for block in blocks:
        index.add(np.ascontiguousarray(block))
    return Structure(index, kind)


def sample_rows(number: int) -> npt.NDArray[np.int64]:
    """Which of `number` vectors codes are fitted to: spread evenly."""
    step = max(1, math.ceil(number / _TRAINED_ON))
    return np.arange(0, number, step, dtype=np.int64)


def _product(dim: int) -> Any:
    """Four values share a code, where their number can be divided so."""
    together = next(number for number in (4, 3, 2, 1) if dim % number == 0)
    return faiss.IndexPQ(dim, dim // together, _BITS, faiss.METRIC_INNER_PRODUCT)


def _scalar(dim: int) -> Any:
    return faiss.IndexScalarQuantizer(
        dim, getattr(faiss.ScalarQuantizer, _CODE), faiss.METRIC_INNER_PRODUCT
    )
