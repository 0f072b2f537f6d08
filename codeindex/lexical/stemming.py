"""Light stemming: endings of English words that do not change what is looked for."""

from __future__ import annotations

_SHORTEST = 3  # letters that stay


def stem(word: str) -> str:
    """A lower-case word without its plural ending; other words are left alone.

    The S-stemmer (Harman, How effective is suffixing?, 1991), with ``es`` after a hiss:
    queries → query, classes → class, matches → match, values → value; but status, this, css.
    """
    if not word.endswith("s") or len(word) <= _SHORTEST or not word.isascii():
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > _SHORTEST + 1 else word[:-1]
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]
