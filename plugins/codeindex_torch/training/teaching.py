"""Distillation: a student learns how alike a better encoder finds the texts of a batch.

The vectors of the two may differ in everything but that: what is compared is how each anchor's
similarities are distributed over the positives of its batch (Lin et al., "In-Batch Negatives for
Knowledge Distillation with Tightly-Coupled Teachers", 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from codeindex_torch.training.options import TrainOptions

KEPT = "teacher_vectors.pt"
"""In the run's folder: a resumed run need not ask the teacher again."""

Say = Callable[[str], None]


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
        anchors, positives = _vectors(pairs, options.teacher, device)
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
    pairs: Sequence[Pair], teacher: str, device: torch.device
) -> tuple[Embeddings, Embeddings]:
    texts = [pair.anchor for pair in pairs], [pair.positive for pair in pairs]
    if (Path(teacher) / MODEL).is_file() or (Path(teacher) / CORPUS / MODEL).is_file():
        return _by_bundle(Path(teacher), *texts)
    model = load_model(teacher)
    dual = model.dual.to(device).eval()
    ask, search = (model.prompts.get(role, "") for role in (QUERY, CORPUS))
    return (
        encode_texts(dual.query, model.tokens(), [ask + text for text in texts[0]], device),
        encode_texts(dual.corpus, model.tokens(), [search + text for text in texts[1]], device),
    )


def _by_bundle(
    folder: Path, anchors: Sequence[str], positives: Sequence[str]
) -> tuple[Embeddings, Embeddings]:
    bundle = read_bundle(folder)
    bundle.confirm()
    found = []
    for role, texts in ((QUERY, anchors), (CORPUS, positives)):
        tower = bundle.towers[role]
        tokens = Tokens(bytes(tower.tokenizer).decode(), bundle.max_tokens, 0)
        place = folder if (folder / MODEL).is_file() else folder / role
        rows = tokens.ids([tower.prompt + text for text in texts])
        found.append(Runner(place / MODEL).encode(rows))
    return found[0], found[1]


def _digest(pairs: Sequence[Pair], teacher: str) -> str:
    """Of the texts and the teacher's name: other pairs, or another teacher, are asked anew."""
    digest = hashlib.sha256(teacher.encode())
    for pair in pairs:
        for text in (pair.anchor, pair.positive):
            digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()
