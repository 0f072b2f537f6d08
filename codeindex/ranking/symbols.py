"""Symbols: the names of code that stand in a query, such as ``HTTPAdapter.send``."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[^\W\d]\w*(?:(?:\.|::|#)[^\W\d]\w*)*(?:\(\))?")
_SEPARATOR = re.compile(r"\.|::|#")
_HUMPS = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
_FILE = re.compile(r"(?i).*\.(pyi?|pyw|[jt]sx?|md|rst|txt|toml|cfg|ini|json|ya?ml|c|h|cpp)")
_ABBREVIATIONS = frozenset(("e.g", "i.e", "a.k.a", "et.al"))

Symbol = tuple[str, ...]
"""Lower-case parts of a dotted name."""


def symbols_in(text: str) -> tuple[Symbol, ...]:
    """Every name in `text` that is written as code is, in order, each once.

    That is a name with a dot, an underscore, ``()`` or capitals inside; or any word, if it is
    all there is.
    """
    tokens = _TOKEN.findall(text)
    alone = len(tokens) == 1 and len(text.split()) == 1
    found = [_parts(token) for token in tokens if alone or _is_code(token)]
    return tuple(dict.fromkeys(found))


def only_symbols(text: str) -> bool:
    """Whether nothing but such names is asked for."""
    runs = text.split()
    return bool(runs) and all(
        _TOKEN.fullmatch(run.strip("`'\",")) and (len(runs) == 1 or _is_code(run.strip("`'\",")))
        for run in runs
    )


def _is_code(token: str) -> bool:
    bare = token.removesuffix("()")
    if bare.lower() in _ABBREVIATIONS or _FILE.fullmatch(bare):
        return False
    return bare != token or bool("_" in bare or _SEPARATOR.search(bare) or _HUMPS.search(bare))


def _parts(token: str) -> Symbol:
    return tuple(part.lower() for part in _SEPARATOR.split(token.removesuffix("()")))
