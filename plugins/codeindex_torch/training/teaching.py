"""Distillation: a student learns how alike a better encoder finds the texts of a batch.

The vectors of the two may differ in everything but that: what is compared is how each anchor's
similarities are distributed over the positives of its batch (Lin et al., "In-Batch Negatives for
Knowledge Distillation with Tightly-Coupled Teachers", 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from codeindex.bundle import read_bundle
from codeindex.files import replacing
from codeindex.pairs import Pair
from codeindex_torch.pair_vectors import Say, is_bundle, pair_vectors
from codeindex_torch.training.options import TrainOptions

KEPT = "teacher_vectors.pt"
"""In the run's folder: a resumed run need not ask the teacher again."""


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
        anchors, positives = pair_vectors(pairs, options.teacher, device, say)
        known = {
            "digest": digest,
            "anchors": torch.from_numpy(anchors).half(),
            "positives": torch.from_numpy(positives).half(),
        }
        with replacing(path) as temporary:
            torch.save(known, temporary)
    weight, temperature = options.teacher_weight, options.temperature
    return Teacher(known["anchors"], known["positives"], weight, temperature)


def _digest(pairs: Sequence[Pair], teacher: str) -> str:
    """Of the texts and the teacher: other pairs, or another teacher, are asked anew.

    A bundle is known by what it is, wherever it lies; a model by its name.
    """
    known_as = read_bundle(Path(teacher)).fingerprint if is_bundle(teacher) else teacher
    digest = hashlib.sha256(known_as.encode())
    for pair in pairs:
        for text in (pair.anchor, pair.positive):
            digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()
