"""SearchOptions: how a search ranks, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codeindex.errors import UsageError
from codeindex.ranking.mode import Mode

if TYPE_CHECKING:
    from codeindex.reranking import Reranking

PER_FILE = 3


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How a search ranks.

    Attributes:
        mode: which halves are asked.
        per_file: most results of one file; 0 for no limit.
        min_confidence: results with less are left out, 0…1.
        reranking: what scores the best once more; None for nothing.

    Raises:
        UsageError: a value that makes no sense.
    """

    mode: Mode = Mode.HYBRID
    per_file: int = PER_FILE
    min_confidence: float = 0.0
    reranking: Reranking | None = None

    def __post_init__(self) -> None:
        if self.per_file < 0:
            raise UsageError(f"per-file is a number of results, 0 for all, not {self.per_file}")
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"min-confidence is from 0 to 1, not {self.min_confidence}")
