"""Names of files in a pack: only those that mean the same, and stay inside, on every system."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LONGEST_NAME = 1000
_LONGEST_PART = 255  # bytes; what file systems take
_FORBIDDEN = frozenset('\\:*?"<>|')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
"""What Windows takes for a device, with any ending."""


def name_fault(name: str) -> str | None:
    """What is wrong with a name, as words that follow "is"; None if nothing is."""
    if not name:
        return "empty"
    if len(name) > _LONGEST_NAME:
        return "too long"
    if name.startswith("/"):
        return "an absolute path"
    if any(letter in _FORBIDDEN or not letter.isprintable() for letter in name):
        return "one that holds a forbidden character"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "a path that leaves its folder, or is no plain one"
        if len(part.encode("utf-8", "replace")) > _LONGEST_PART:
            return "too long"
        if part != part.strip() or part.endswith("."):
            return "one that Windows would change"
        if part.split(".")[0].rstrip().lower() in _DEVICES:
            return "that of a device on Windows"
    return None


def names_fault(names: Iterable[str]) -> str | None:
    """What is wrong with a set of names, as a sentence; None if nothing is.

    Two names that differ in case or in Unicode form only are one on some systems.
    """
    files: dict[str, str] = {}
    for name in names:
        fault = name_fault(name)
        if fault:
            return f"the name {name!r} is {fault}"
        folded = _folded(name)
        if folded in files:
            return f"the name {name!r} is there twice"
        files[folded] = name
    for folded, name in files.items():
        parts = folded.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                return f"the name {name!r} is inside another file"
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
