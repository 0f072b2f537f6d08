"""A light encoder and a tiny tree, so that an index of them is small enough to be flipped whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from codeindex.hookimpl import hookimpl
from codeindex.host import Host
from codeindex.interfaces import EncoderInfo
from codeindex.specs import EncoderSpec
from codeindex.vectors import Embeddings, unit

ENCODER = "hashed-words"
DIM = 32

_NOUNS = ("hammer", "saw", "apple", "river", "cloud", "engine", "letter", "window")


class HashedWords:
    """Every word has a direction of its own; a text is the sum of its words."""

    info = EncoderInfo(ENCODER, f"{ENCODER}/{DIM}", DIM, 10_000)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), DIM), unit rows."""
        rows = [sum(map(_direction, re.findall(r"[a-z]+", text.lower()))) for text in texts]
        return unit(np.array([np.zeros(DIM) + row for row in rows], dtype=np.float32))

    def encode_corpus(self, texts: Sequence[str]) -> Embeddings:
        """The same."""
        return self.encode_queries(texts)


def _direction(word: str) -> Embeddings:
    seed = hashlib.blake2b(word.encode(), digest_size=8).digest()
    generator = np.random.default_rng(int.from_bytes(seed, "little"))
    return generator.normal(size=DIM).astype(np.float32)


class ToyEncoders:
    """The plugin."""

    @hookimpl
    def codeindex_encoders(self) -> Iterable[EncoderSpec]:
        """The light encoder."""
        return [
            EncoderSpec(name=ENCODER, summary="hashed words", make=lambda options: HashedWords())
        ]


def toy_host() -> Host:
    """All installed plugins and the light encoder."""
    host = Host.load()
    host.register(ToyEncoders(), "toy", "benchmarks")
    return host


def tiny_tree(folder: Path) -> None:
    """Twelve snippets: four modules of one class or two functions each."""
    folder.mkdir(parents=True)
    for number in range(0, len(_NOUNS), 2):
        first, second = _NOUNS[number : number + 2]
        (folder / f"{first}.py").write_text(
            f'"""Of the {first}."""\n\n\n'
            f'def {first}(weight):\n    """Lift the {first}."""\n    return weight * {number}\n\n\n'
            f"def {second}(colour):\n    return [colour, {second!r}]\n"
        )
