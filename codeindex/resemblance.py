"""Resemblance: how much of two pieces of code is the same text, whatever its layout."""

from __future__ import annotations

import re

COPY = 0.8
"""From here on two pieces are called copies of each other."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"(?:^|(?<=\s))(?:#|//).*$", re.MULTILINE)
_SHINGLE = 4  # tokens

Shingles = frozenset[tuple[str, ...]]


def shingles(code: str) -> Shingles:
    """The runs of tokens in `code`; white space and comments to a line's end do not count."""
    tokens = _TOKEN.findall(_COMMENT.sub("", code))
    starts = range(max(len(tokens) - _SHINGLE + 1, 1))
    return frozenset(tuple(tokens[start : start + _SHINGLE]) for start in starts)


def resemblance(one: Shingles, other: Shingles) -> float:
    """The share of runs that both have, 0…1; 1 for the same code.

    Broder, "On the resemblance and containment of documents", SEQUENCES 1997, exactly and not
    by samples: it is asked for a few pairs only.
    """
    return len(one & other) / len(one | other)
