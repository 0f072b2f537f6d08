"""TrainOptions: everything that decides what is learned, and where it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from codeindex.errors import UsageError
from codeindex_torch import DEFAULT_MODEL

MAY_CHANGE = frozenset(
    {"checkpoint_dir", "checkpoint_steps", "device", "keep", "log_to", "max_steps"}
)
"""Options that a resumed run may have others of: they do not decide the weights."""


@dataclass(frozen=True)
class TrainOptions:
    """How to train.

    Attributes:
        model: Hub name, folder or checkpoint to begin with.
        architecture: ``transformer``, or ``static``: a table of token vectors, distilled from
            `model` where that is a Transformer. dim: of those vectors. add_words: so many whole
            words of the pairs get tokens when it is distilled.
        towers: ``two`` encoders (paper, code), both begun from `model`, or one ``shared``.
        projection: dimensions of a linear layer after pooling, shared by the towers; 0: none.
        pooling: ``auto``, ``cls`` or ``mean``.
        teacher: folder, checkpoint, Hub name or bundle of an encoder to learn likeness from; empty:
            none. teacher_weight: of that in the loss.
        freeze_layers: the embeddings and so many of the lowest layers keep their weights.
        max_length: tokens read of a text; 0: what the model says, or 512.
        batch_size: pairs that are negatives of each other, over all processes.
        same_repository: so many pairs of one repository stand together in a batch: harder
            negatives, and those that a search within a repository meets.
        chunk_size: texts encoded at once with gradient caching; 0: without it.
        accumulate: batches whose gradients are added up before a step.
        num_epochs: passes over the pairs.
        learning_rate: the highest; see `schedule`.
        schedule: after the warm-up ``linear`` or ``cosine`` down to 0, or ``constant``.
        warmup: share of all steps in which the rate rises from 0.
        weight_decay: of matrices; biases, norms and the temperature have none.
        clip: longest gradient; 0: not clipped.
        temperature: of InfoNCE. learn_temperature: begin there, and learn it.
        matryoshka: dimensions that vectors may be cut down to afterwards, as ``128,64``.
        directions: ``one`` asks for the code of a paper; ``two`` also the other way.
        negatives: ``file`` uses those of the pairs; ``none`` does not.
        mine_negatives: so many hard negatives a pair, found with the starting model.
        train_split, split_by: which share is trained on, and what is kept together.
        patience: epochs without improvement until it stops; 0: never.
        best_by: ``loss`` or ``mrr`` of the validation pairs decides which model is the best.
        precision: ``fp32``, ``bf16``, or ``auto``: bf16 where the processor computes in it.
        seed: of order and dropout.
        checkpoint_steps: steps between saves of ``checkpoint_last.pt``; 0: at epochs only.
        keep: so many of the newest ``checkpoint_epoch_N.pt`` stay; 0: all.
        max_steps: stop after so many steps of this run; 0: at the end.
    """

    model: str = DEFAULT_MODEL
    architecture: Literal["transformer", "static"] = "transformer"
    dim: int = 256
    add_words: int = 0
    towers: Literal["two", "shared"] = "two"
    projection: int = 0
    pooling: Literal["auto", "cls", "mean"] = "auto"
    teacher: str = ""
    teacher_weight: float = 1.0
    freeze_layers: int = 0
    max_length: int = 0
    batch_size: int = 8
    same_repository: int = 1
    chunk_size: int = 0
    accumulate: int = 1
    num_epochs: int = 3
    learning_rate: float = 2e-5
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    temperature: float = 0.07
    learn_temperature: bool = False
    matryoshka: str = ""
    directions: Literal["one", "two"] = "one"
    negatives: Literal["file", "none"] = "file"
    mine_negatives: int = 0
    train_split: float = 0.8
    split_by: Literal["paper", "file", "pair"] = "paper"
    patience: int = 0
    best_by: Literal["loss", "mrr"] = "loss"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 42
    device: str = "auto"
    checkpoint_dir: str = "checkpoints/code_encoder"
    checkpoint_steps: int = 500
    keep: int = 0
    max_steps: int = 0
    log_to: str = ""

    def __post_init__(self) -> None:
        """Refuses values that make no sense.

        Raises:
            UsageError: one of them.
        """
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise UsageError(f"{_option(name)} must be at least {least}")
        if not 0 < self.train_split < 1:
            raise UsageError("--train-split must lie between 0 and 1")
        if not 0 <= self.warmup < 1:
            raise UsageError("--warmup must be at least 0 and below 1")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{_option(name)} must be above 0")
        _ = self.cuts
        if self.architecture == "static":
            self._refuse_of_a_table()
        else:
            self._refuse_of_a_transformer()

    def _refuse_of_a_table(self) -> None:
        if self.towers == "two":
            raise UsageError("a static model has one table: --towers shared")
        for name in ("projection", "freeze_layers"):
            if getattr(self, name):
                raise UsageError(f"{_option(name)} is not for --architecture static")

    def _refuse_of_a_transformer(self) -> None:
        if self.add_words:
            raise UsageError(
                "--add-words is for --architecture static: a Transformer keeps its own"
            )

    @property
    def cuts(self) -> tuple[int, ...]:
        """`matryoshka` as numbers.

        Raises:
            UsageError: it is none, or one is not above 0.
        """
        parts = [part.strip() for part in self.matryoshka.split(",") if part.strip()]
        if not all(part.isdecimal() and int(part) for part in parts):
            raise UsageError(f"--matryoshka takes numbers as 128,64, not {self.matryoshka!r}")
        return tuple(map(int, parts))

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)

    def differences(self, other: TrainOptions) -> list[str]:
        """``--option was A, now B`` for each option that decides the weights and differs."""
        return [
            f"{_option(field.name)} was {getattr(other, field.name)}, now"
            f" {getattr(self, field.name)}"
            for field in fields(self)
            if field.name not in MAY_CHANGE
            and getattr(self, field.name) != getattr(other, field.name)
        ]


STATIC_DEFAULTS: Mapping[str, Any] = {
    "towers": "shared",
    "batch_size": 2048,
    "learning_rate": 3e-3,
    "temperature": 0.05,
    "directions": "two",
}
"""What the command takes for a table where nothing is said: it is cheap, and learns fast."""

_LEAST: dict[str, float] = {
    "dim": 1,
    "add_words": 0,
    "teacher_weight": 0,
    "batch_size": 2,
    "same_repository": 1,
    "freeze_layers": 0,
    "chunk_size": 0,
    "accumulate": 1,
    "num_epochs": 1,
    "projection": 0,
    "max_length": 0,
    "mine_negatives": 0,
    "patience": 0,
    "weight_decay": 0,
    "clip": 0,
    "checkpoint_steps": 0,
    "keep": 0,
    "max_steps": 0,
}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
