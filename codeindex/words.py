"""Words of code: identifiers split at case, underscores and digits."""

from __future__ import annotations

import re

_IDENTIFIER = re.compile(r"[^\W\d_]+(?:[_\w]*\w)?|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


def split_identifier(identifier: str) -> list[str]:
    """Lower-case parts: ``parseHTTPDate2_utc`` → parse, http, date, 2, utc."""
    return [part.lower() for part in _PART.findall(identifier)]


def searchable_words(text: str) -> str:
    """Each identifier of `text` as its parts, with the compound kept beside them.

    ``parse_date(x)`` → ``parse date parse_date x``. The result is what the word index stores:
    its tokenizer splits at spaces only (and keeps ``_``).
    """
    return " ".join(map(_split.__getitem__, _IDENTIFIER.findall(text)))


class _Split(dict[str, str]):
    """Identifier → its words, joined. Identifiers repeat, so most are only looked up."""

    def __missing__(self, identifier: str) -> str:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        parts = split_identifier(identifier)
        whole = identifier.lower()
        words = whole if parts == [whole] else " ".join((*parts, whole))
        self[identifier] = words
        return words


_CACHE_LIMIT = 200_000
_split = _Split()
