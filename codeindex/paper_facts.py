"""PaperFacts: the paper that a snippet belongs to, in an index of papers' code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codeindex.snippet import Snippet

_NO_TITLE = "arxiv query:"  # what a feed is called, which stands for the title in some collections


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """What a snippet's ``extra`` says of its paper; what is missing is empty.

    Attributes:
        id: on arXiv.
    """

    id: str
    title: str
    url: str
    abstract: str

    @property
    def key(self) -> str:
        """What tells it from other papers."""
        return self.id or self.title

    def named(self) -> str:
        """What people call it: its title and its number."""
        number = f"arXiv {self.id}" if self.id else self.url
        if not self.title or self.title.lower().startswith(_NO_TITLE):
            return number
        return f"{self.title} ({number})" if number else self.title

    def as_json(self) -> dict[str, Any]:
        """Without the abstract."""
        return {"id": self.id, "title": self.title, "url": self.url}


def paper_of(snippet: Snippet) -> PaperFacts | None:
    """The paper of a snippet; None if it is of none."""
    values = [snippet.extra.get(f"paper_{name}") for name in ("id", "title", "url", "abstract")]
    id, title, url, abstract = (
        " ".join(value.split()) if isinstance(value, str) else "" for value in values
    )
    return PaperFacts(id, title, url, abstract) if id or title else None
