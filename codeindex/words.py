"""Words of code: identifiers split at case, underscores and digits."""

from __future__ import annotations

import re

_IDENTIFIER = re.compile(r"[^\W\d_]+(?:[_\w]*\w)?|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


def split_identifier(identifier: str) -> list[str]:
    """Lower-case parts: ``parseHTTPDate2_utc`` → parse, http, date, 2, utc."""
    return [part.lower() for part in _PART.findall(identifier)]


# ASCII bytes → those of identifiers, and spaces between them.
_TO_IDENTIFIERS = bytes(
    code if code < 128 and (chr(code).isalnum() or code == ord("_")) else 32 for code in range(256)
)


def searchable_words(text: str) -> str:
    """Each identifier of `text` as its parts, with the compound kept beside them.

    ``parse_date(x)`` → ``parse date parse_date x``. The result is what the word index stores:
    its tokenizer splits at spaces only (and keeps ``_``).
    """
    if not text.isascii():
        return " ".join(map(_split.__getitem__, _IDENTIFIER.findall(text)))
    # The same, several times as fast: runs of word characters are cut out here, identifiers
    # within them (``3d`` has two) when a run is met for the first time.
    runs = text.encode("ascii").translate(_TO_IDENTIFIERS).split()
    return " ".join(filter(None, map(_split.__getitem__, runs)))


def query_words(text: str) -> list[str]:
    """The distinct words to look for, in the order of `text`."""
    return list(dict.fromkeys(searchable_words(text).split()))


class _Split(dict[bytes | str, str]):
    """Run of word characters → its words, joined. They repeat, so most are only looked up."""

    def __missing__(self, run: bytes | str) -> str:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        text = run.decode("ascii") if isinstance(run, bytes) else run
        words = " ".join(map(_words_of, _IDENTIFIER.findall(text)))
        self[run] = words
        return words


def _words_of(identifier: str) -> str:
    parts = split_identifier(identifier)
    whole = identifier.lower()
    return whole if parts == [whole] else " ".join((*parts, whole))


_CACHE_LIMIT = 200_000
_split = _Split()
