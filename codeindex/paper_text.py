"""PaperText: an abstract, or a longer text, as the queries that its sentences are."""

from __future__ import annotations

import re
from collections.abc import Iterable

from codeindex.errors import UsageError
from codeindex.sentences import sentences

MAX_PAPER_CHARS = 500_000
"""A book; more is another file than was meant."""

_HEADING = re.compile(
    r"(?i:abstract|summary|keywords?|index terms)\s*(?:[.:—–-]+\s*|\Z)|(?i:abstract)\s+(?=[A-Z])"
)
_CITATION = re.compile(r"\s*\[\d[\d,;\s–-]*\]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS = 3


def queries_of(text: str) -> list[str]:
    """The sentences of `text` that ask for something, see `askable`.

    Raises:
        UsageError: there is none, or the text is far too long.
    """
    if len(text) > MAX_PAPER_CHARS:
        raise UsageError(
            f"the text has {len(text):,} characters; at most {MAX_PAPER_CHARS:,} are read:"
            " give the abstract, or a section"
        )
    found = askable(text)
    if not found:
        raise UsageError("the text of the paper holds no sentence to search for")
    return found


def askable(text: str) -> list[str]:
    """The sentences of `text` that ask for something, each once, without numbers of citations.

    One of fewer than three words, such as a heading, is left out if there are longer ones.
    """
    found = list(dict.fromkeys(filter(None, map(_tidy, sentences(text)))))
    return [sentence for sentence in found if _says_something(sentence)] or found


def _tidy(sentence: str) -> str:
    heading = _HEADING.match(sentence)
    body = sentence[heading.end() :] if heading else sentence
    body = _CITATION.sub("", body).strip()
    return body if re.search(r"\w", body) else ""


def _says_something(sentence: str) -> bool:
    """Whether it has enough words; scripts without spaces are counted by letters."""
    words: Iterable[str] = _WORD.findall(sentence)
    return sum(1 if word.isascii() else max(1, len(word) // 2) for word in words) >= _FEWEST_WORDS
