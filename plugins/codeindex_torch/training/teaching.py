"""Distillation: a student learns how alike a better encoder finds the texts of a batch.

The vectors of the two may differ in everything but that: what is compared is how each anchor's
similarities are distributed over the positives of its batch (Lin et al., "In-Batch Negatives for
Knowledge Distillation with Tightly-Coupled Teachers", 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from codeindex.bundle import CORPUS, MODEL, QUERY, read_bundle
from codeindex.files import replacing
from codeindex.pairs import Pair
from codeindex.vectors import Embeddings
from codeindex_torch.encoder import encode_texts
from codeindex_torch.export.runner import Runner
from codeindex_torch.loading import load_model
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import Tower
from codeindex_torch.training.options import TrainOptions

KEPT = "teacher_vectors.pt"
"""In the run's folder: a resumed run need not ask the teacher again."""

Say = Callable[[str], None]

_AT_ONCE = 8192  # texts; those of like length among them are encoded together


@dataclass(frozen=True)
class Teacher:
    """What the teacher says of the pairs.

    Attributes:
        anchors, positives: float16 (pairs, its dim), at unit length.
        weight: of its part in the loss.
        temperature: of both distributions.
    """

    anchors: Tensor
    positives: Tensor
    weight: float
    temperature: float

    def loss(
        self, own: Sequence[int], batch: Sequence[int], anchors: Tensor, positives: Tensor
    ) -> Tensor:
        """`weight` times the mean divergence (Kullback–Leibler) of the student's distributions.

        Args:
            own: the pairs of these anchors, (own, dim).
            batch: those of these positives, (batch, dim).
        """
        device = anchors.device
        ask = self.anchors[list(own)].to(device).float()
        answer = self.positives[list(batch)].to(device).float()
        wanted = (ask @ answer.T / self.temperature).log_softmax(dim=1)  # (own, batch)
        found = (anchors @ positives.T / self.temperature).log_softmax(dim=1)
        divergence = nn.functional.kl_div(found, wanted, reduction="batchmean", log_target=True)
        return self.weight * divergence


def make_teacher(
    pairs: Sequence[Pair], options: TrainOptions, device: torch.device, say: Say
) -> Teacher | None:
    """Asks the teacher about all pairs, or reads what it said before; None without one.

    Raises:
        NotFoundError, UsageError: see `load_model` and `read_bundle`.
    """
    if not options.teacher:
        return None
    path = Path(options.checkpoint_dir) / KEPT
    digest = _digest(pairs, options.teacher)
    known = torch.load(path, weights_only=True) if path.is_file() else {}
    if known.get("digest") != digest:
        say(f"asking {options.teacher} about {len(pairs):,} pairs")
        anchors, positives = _vectors(pairs, options.teacher, device, say)
        known = {
            "digest": digest,
            "anchors": torch.from_numpy(anchors).half(),
            "positives": torch.from_numpy(positives).half(),
        }
        with replacing(path) as temporary:
            torch.save(known, temporary)
    weight, temperature = options.teacher_weight, options.temperature
    return Teacher(known["anchors"], known["positives"], weight, temperature)


def _vectors(
    pairs: Sequence[Pair], teacher: str, device: torch.device, say: Say
) -> tuple[Embeddings, Embeddings]:
    texts = [pair.anchor for pair in pairs], [pair.positive for pair in pairs]
    if (Path(teacher) / MODEL).is_file() or (Path(teacher) / CORPUS / MODEL).is_file():
        by_role = _by_bundle(Path(teacher))
    else:
        by_role = _by_model(teacher, device)
    told = _Told(2 * len(pairs), say)
    found = [
        np.concatenate([told.of(encode(part)) for part in _parts(its)])
        for encode, its in zip(by_role, texts, strict=True)
    ]
    return found[0], found[1]


Encode = Callable[[Sequence[str]], Embeddings]


def _by_model(teacher: str, device: torch.device) -> tuple[Encode, Encode]:
    """What encodes questions, and what encodes code."""
    model = load_model(teacher)
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
    """Says how many texts the teacher has answered, ten times: it may take an hour."""

    def __init__(self, total: int, say: Say) -> None:
        self._total, self._say, self._done = total, say, 0

    def of(self, vectors: Embeddings) -> Embeddings:
        """Counts these, and gives them back."""
        before, self._done = self._done, self._done + len(vectors)
        if 10 * before // self._total < 10 * self._done // self._total < 10:
            self._say(f"  {self._done:,} of {self._total:,} texts")
        return vectors


def _digest(pairs: Sequence[Pair], teacher: str) -> str:
    """Of the texts and the teacher's name: other pairs, or another teacher, are asked anew."""
    digest = hashlib.sha256(teacher.encode())
    for pair in pairs:
        for text in (pair.anchor, pair.positive):
            digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()
