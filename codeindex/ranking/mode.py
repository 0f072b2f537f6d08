"""Mode: which halves of the search are asked."""

from __future__ import annotations

from enum import StrEnum

from codeindex.errors import UsageError


class Mode(StrEnum):
    """Which halves of the search are asked; the signals of the ranking apply in each mode."""

    HYBRID = "hybrid"
    """Vectors and words."""
    DENSE = "dense"
    """Vectors: what means the same."""
    LEXICAL = "lexical"
    """Words: what says the same."""


def mode_named(name: str) -> Mode:
    """The mode that has this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Mode(name)
    except ValueError:
        raise UsageError(f"no mode {name!r}; modes: {', '.join(Mode)}") from None
