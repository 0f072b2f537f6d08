"""Light stemming: endings of English words that do not change what is looked for."""

from __future__ import annotations

_SHORTEST = 3  # letters that stay
_VOWELS = frozenset("aeiouy")


def stem(word: str) -> str:
    """A lower-case word without plural ending, ``ing``, ``ed`` and final ``e``.

    The S-stemmer (Harman, How effective is suffixing?, 1991), with ``es`` after a hiss, and step
    1b of Porter's (An algorithm for suffix stripping, 1980), after which a final ``e`` goes too:
    parse, parses, parsed and parsing are all pars. What comes out need not be a word.
    """
    if len(word) <= _SHORTEST or not word.isascii():
        return word
    last = word[-1]
    if last == "s":
        word = _singular(word)
        last = word[-1]
    if last == "g" or last == "d":
        word = _infinitive(word)
        last = word[-1]
    return word[:-1] if last == "e" and len(word) > _SHORTEST + 1 else word


def _singular(word: str) -> str:
    """queries → query, classes → class, values → value; but status, this, css."""
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > _SHORTEST + 1 else word[:-1]
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]


def _infinitive(word: str) -> str:
    """parsing → pars, running → run, called → call; but string, need, feed."""
    for ending in ("ing", "ed"):
        start = word[: -len(ending)]
        if not word.endswith(ending) or len(start) < _SHORTEST or _VOWELS.isdisjoint(start):
            continue
        if ending == "ed" and start.endswith("e"):
            continue
        if len(start) > _SHORTEST and start[-1] == start[-2] and start[-1] not in "lsz":
            return start[:-1]
        return start[:-1] if start.endswith("e") else start
    return word
