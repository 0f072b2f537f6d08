"""Vectors of all texts of pairs, by a bundle or by a model in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from codeindex.bundle import CORPUS, MODEL, QUERY, read_bundle
from codeindex.pairs import Pair
from codeindex.vectors import Embeddings
from codeindex_torch.encoder import encode_texts
from codeindex_torch.export.runner import Runner
from codeindex_torch.loading import load_model
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import Tower

Say = Callable[[str], None]

_AT_ONCE = 8192  # texts; those of like length among them are encoded together


def pair_vectors(
    pairs: Sequence[Pair], model: str, device: torch.device, say: Say
) -> tuple[Embeddings, Embeddings]:
    """Unit vectors of the anchors and of the positives, float32 (pairs, dim) both.

    Args:
        model: a bundle, which is run as it is and without its hubness; or what `load_model` takes.

    Raises:
        NotFoundError, UsageError: see `load_model` and `read_bundle`.
    """
    texts = [pair.anchor for pair in pairs], [pair.positive for pair in pairs]
    by_role = _by_bundle(Path(model)) if is_bundle(model) else _by_model(model, device)
    told = _Told(2 * len(pairs), say)
    found = [
        np.concatenate([told.of(encode(part)) for part in _parts(its)])
        for encode, its in zip(by_role, texts, strict=True)
    ]
    return found[0], found[1]


def is_bundle(model: str) -> bool:
    """Whether it is a folder with graphs, rather than what `load_model` takes."""
    return any((Path(model) / place / MODEL).is_file() for place in (".", CORPUS))


Encode = Callable[[Sequence[str]], Embeddings]


def _by_model(name: str, device: torch.device) -> tuple[Encode, Encode]:
    """What encodes questions, and what encodes code."""
    model = load_model(name)
    dual = model.dual.to(device).eval()

    def encode(tower: Tower, role: str, texts: Sequence[str]) -> Embeddings:
        prompt = model.prompts.get(role, "")
        return encode_texts(tower, model.tokens(), [prompt + text for text in texts], device)

    return partial(encode, dual.query, QUERY), partial(encode, dual.corpus, CORPUS)


def _by_bundle(folder: Path) -> tuple[Encode, Encode]:
    """The same of a bundle."""
    bundle = read_bundle(folder)
    bundle.confirm()

    def of(role: str) -> Encode:
        tower = bundle.towers[role]
        tokens = Tokens(bytes(tower.tokenizer).decode(), bundle.max_tokens, 0)
        place = folder if (folder / MODEL).is_file() else folder / role
        runner = Runner(place / MODEL)
        return lambda texts: runner.encode(tokens.ids([tower.prompt + text for text in texts]))

    return of(QUERY), of(CORPUS)


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _AT_ONCE] for start in range(0, len(texts), _AT_ONCE))


class _Told:
    """Says how many texts there are vectors of, ten times: it may take an hour."""

    def __init__(self, total: int, say: Say) -> None:
        self._total, self._say, self._done = total, say, 0

    def of(self, vectors: Embeddings) -> Embeddings:
        """Counts these, and gives them back."""
        before, self._done = self._done, self._done + len(vectors)
        if 10 * before // self._total < 10 * self._done // self._total < 10:
            self._say(f"  {self._done:,} of {self._total:,} texts")
        return vectors
