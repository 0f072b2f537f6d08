"""OnnxEncoder: the encoder of a bundle, on CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from codeindex.bundle import CORPUS, QUERY, Bundle, Tower, read_bundle
from codeindex.errors import UsageError
from codeindex.hubness import HubPenalty, asked, read_hubness
from codeindex.interfaces import EncoderInfo
from codeindex.vectors import Embeddings, unit
from codeindex_onnx.tokenization import TokenIds

TEXTS_PER_ROUND = 1024
"""Texts that are tokenised, and sorted into batches, together."""


class _Model(Protocol):
    def encode(self, ids: Sequence[Sequence[int]]) -> Embeddings: ...


class OnnxEncoder:
    """Unit vectors from a bundle. Results keep the input's order and do not depend on batches."""

    def __init__(self, folder: Path, threads: int = 0, dim: int = 0, hubness: bool = True) -> None:
        """Reads and checks the bundle.

        Args:
            dim: vectors are cut down to their first so many dimensions, and are of unit length
                again; 0: they stay as they are.
            hubness: hubs are held back, where the bundle can; see `codeindex.hubness`.

        Raises:
            NotFoundError, UsageError: see `read_bundle`.
            OptionError: there are not so many dimensions.
        """
        bundle = read_bundle(folder)
        self._info = bundle.info(dim, hubness)
        self._hubness = bundle.hubness if hubness else None
        try:
            self._corpus, self._query = _load(bundle, threads, folder)
        except UsageError:
            bundle.confirm()  # a damaged file is the better explanation
            raise
        bundle.confirm()

    @property
    def info(self) -> EncoderInfo:
        """What it is."""
        return self._info

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim)."""
        vectors = self._query.encode(texts)
        return self._cut(vectors) if self._hubness is None else asked(vectors, self._info.dim)

    def encode_corpus(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim)."""
        vectors = self._corpus.encode(texts)
        if self._hubness is None:
            return self._cut(vectors)
        return self._penalty.corpus(vectors, self._info.dim)

    @cached_property
    def _penalty(self) -> HubPenalty:
        """Unpacked when code is first encoded: a question does without."""
        return HubPenalty(read_hubness(bytes(self._hubness or b""), self._corpus.dim))

    def _cut(self, vectors: Embeddings) -> Embeddings:
        dim = self._info.dim
        return vectors if dim == vectors.shape[1] else unit(vectors[:, :dim])


def _load(bundle: Bundle, threads: int, folder: Path) -> tuple[_Loaded, _Loaded]:
    corpus, query = bundle.towers[CORPUS], bundle.towers[QUERY]
    first = _Loaded(corpus, bundle, threads, folder)
    return first, first if query == corpus else _Loaded(query, bundle, threads, folder)


class _Loaded:
    """One tower, loaded."""

    def __init__(self, tower: Tower, bundle: Bundle, threads: int, folder: Path) -> None:
        self.dim = bundle.dim
        self._prompt = tower.prompt
        try:
            self._tokenizer = TokenIds(bytes(tower.tokenizer), bundle.max_tokens)
        except ValueError as error:
            raise UsageError(f"cannot load the tokenizer of {folder}: {error}") from error
        try:
            self._model = _model(tower, bundle.dim, threads)
        except ValueError as error:
            raise UsageError(f"cannot load the model of {folder}: {error}") from error

    def encode(self, texts: Sequence[str]) -> Embeddings:
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_PER_ROUND):
            part = texts[start : start + TEXTS_PER_ROUND]
            if self._prompt:
                part = [self._prompt + text for text in part]
            vectors[start : start + len(part)] = self._model.encode(self._tokenizer.of(part))
        return vectors


def _model(tower: Tower, dim: int, threads: int) -> _Model:
    if tower.static is not None:
        from codeindex_onnx.static import StaticModel

        return StaticModel(tower.model, tower.static, dim)
    from codeindex_onnx.graph import GraphModel

    return GraphModel(tower.model, dim, threads)
