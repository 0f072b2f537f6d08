"""PaperContext: the text that is embedded for a snippet, with as much of its paper as is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeindex.errors import UsageError
from codeindex.interfaces import Encoder
from codeindex.snippet import Snippet
from codeindex.vectors import Embeddings

DEFAULT_WEIGHT = 0.3

_CODE_ALONE = "code-alone/1"
_WITH_PAPER = "paper-context/1 weight "


@dataclass(frozen=True, slots=True)
class PaperContext:
    """A recipe of texts: title and abstract of the paper, then the code; or the code alone.

    Attributes:
        weight: the abstract is cut to at most ``weight / (1 - weight)`` of the code's length,
            0 ≤ weight < 1. None is the code alone.
    """

    weight: float | None = DEFAULT_WEIGHT

    def __post_init__(self) -> None:
        if self.weight is not None and not 0 <= self.weight < 1:
            raise UsageError(
                f"the weight of the paper context is at least 0 and below 1, not {self.weight:g};"
                " 0.5 takes as much of the abstract as there is code"
            )

    @property
    def name(self) -> str:
        """Names the recipe and its weight; part of an index's fingerprint."""
        return _CODE_ALONE if self.weight is None else f"{_WITH_PAPER}{self.weight!r}"

    @classmethod
    def named(cls, name: str) -> PaperContext | None:
        """The recipe that has this name, or None if it is none of these."""
        if name == _CODE_ALONE:
            return cls(None)
        try:
            recipe = cls(float(name.removeprefix(_WITH_PAPER)))
        except (ValueError, UsageError):
            return None
        return recipe if recipe.name == name else None

    def of(self, snippet: Snippet) -> str:
        """The text of a snippet whose ``extra`` has the title and abstract of its paper."""
        if self.weight is None:
            return snippet.code
        title = str(snippet.extra.get("paper_title", ""))
        abstract = str(snippet.extra.get("paper_abstract", ""))
        return with_paper(title, abstract, snippet.code, self.weight)

    def encode(self, encoder: Encoder, texts: Sequence[str]) -> Embeddings:
        """Vectors of such texts; what is longer than the encoder reads is cut."""
        return encoder.encode_corpus(texts)


def with_paper(title: str, abstract: str, code: str, weight: float) -> str:
    """``Paper: <title> <abstract>``, an empty line, ``Code:``, and the code.

    A snippet of no paper is its code alone: an empty frame would only make texts more alike.

    Args:
        weight: see `PaperContext`.
    """
    most = int(weight / (1 - weight) * len(code))  # characters
    paper = f"{title.strip()} {abstract.strip()[:most]}".strip()
    return f"Paper: {paper}\n\nCode:\n{code}" if paper else code
