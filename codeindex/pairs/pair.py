"""Pair: a text and the code that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Pair:
    """An anchor (a paper's title and abstract, a docstring), its positive and where they are from.

    Attributes:
        anchor: the text that asks.
        positive: the code that answers it.
        negatives: code that looks like an answer and is none (hard negatives).
        metadata: where the pair is from, as in ``parsed_pairs.json``.
    """

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def paper(self) -> str:
        """What names its paper: the arXiv id or else the title; empty if it is of none."""
        return self._first("arxiv_id", "paper_title")

    @property
    def repository(self) -> str:
        """What names its repository: the address or else the name; empty if it is of none."""
        return self._first("repo_url", "repo_name").rstrip("/").removesuffix(".git").lower()

    @property
    def file(self) -> str:
        """What names its file in all repositories; empty if it is of none."""
        path = self._first("code_file_path")
        return f"{self.repository}:{path}" if path else ""

    def _first(self, *keys: str) -> str:
        for key in keys:
            value = self.metadata.get(key)
            if isinstance(value, str) and value:
                return value
        return ""
