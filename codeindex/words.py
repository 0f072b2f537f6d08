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
    words: list[str] = []
    for identifier in _IDENTIFIER.findall(text):
        parts = _split_cached(identifier)
        words.extend(parts)
    return " ".join(words)


_cache: dict[str, tuple[str, ...]] = {}
_CACHE_LIMIT = 200_000


def _split_cached(identifier: str) -> tuple[str, ...]:
    # Identifiers repeat: a cache makes splitting a tree about four times as fast.
    found = _cache.get(identifier)
    if found is None:
        parts = split_identifier(identifier)
        whole = identifier.lower()
        found = tuple(parts) if len(parts) == 1 and parts[0] == whole else (*parts, whole)
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        _cache[identifier] = found
    return found
