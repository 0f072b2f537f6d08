"""Question and Questions: what is asked, what answers it, and what was left out and why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np


class Level(StrEnum):
    """What counts as one answer."""

    SNIPPET = "snippet"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are asked.

    Attributes:
        level: what counts as one answer.
        depth: how many answers are looked at; what is further down counts as not found.
        per_file: most answers of one file; 0 for no limit. None: no limit, or, at level
            ``file``, one.
    """

    level: Level = Level.SNIPPET
    depth: int = 100
    per_file: int | None = None

    def limit(self) -> int:
        """Most answers of one file; 0 for no limit."""
        if self.level is Level.FILE:
            return 1
        return self.per_file or 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {"level": self.level.value, "depth": self.depth, "per_file": self.limit()}


@dataclass(frozen=True, slots=True)
class Question:
    """A query and the targets that answer it.

    Attributes:
        id: names it in results; the same in every run over the same question.
        text: what is searched for.
        relevant: target → grade, at least 1. A target is written as in
            `codeindex.evaluation.places`.
    """

    id: str
    text: str
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions of one source.

    Attributes:
        source: ``docstrings``, ``git``, or the file or folder that they are from.
        asked: the questions, in a fixed order.
        possible: how many there were before a sample was taken.
        left_out: reason → how many; what never became a question.
    """

    source: str
    asked: Sequence[Question]
    possible: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    def sampled(self, number: int, seed: int) -> Questions:
        """So many of them, drawn at random by `seed`, in their old order; all if `number` is 0."""
        if not number or number >= len(self.asked):
            return self
        rows = np.random.default_rng(seed).choice(len(self.asked), number, replace=False)
        asked = [self.asked[row] for row in sorted(rows.tolist())]
        return Questions(self.source, asked, self.possible, self.left_out)

    def fingerprint(self) -> str:
        """Stands for ids, texts and judgements: two results with the same one can be compared."""
        digest = hashlib.blake2b(digest_size=16)
        for question in sorted(self.asked, key=lambda question: question.id):
            for part in (question.id, question.text, *map(str, sorted(question.relevant.items()))):
                data = part.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "little"))
                digest.update(data)
            digest.update(b"\n")
        return digest.hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Facts about them, without the questions themselves."""
        return {
            "source": self.source,
            "asked": len(self.asked),
            "possible": self.possible,
            "left_out": dict(self.left_out),
            "fingerprint": self.fingerprint(),
        }
