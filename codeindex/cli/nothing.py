"""Why a search has found nothing, as far as the index tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codeindex.cli.asked import Opened
    from codeindex.index import Index


def why_nothing(opened: Opened, **given: Any) -> str:
    """What follows on ``nothing found``: kinds and languages that there are, where others were
    asked for; a path that no file matches; the confidence that was asked for.
    """
    from codeindex.index import Index
    from codeindex.many import SeveralIndexes

    searched = opened.searched
    least = given["min_confidence"]
    if given["by"] == "paper":
        return "; papers are found in an index of papers' code, see codeindex embed"
    unsure = f" that is at least {least:.0%} likely (--min-confidence)" if least else ""
    if isinstance(searched, SeveralIndexes):
        count = len(searched.indexes)
        return f" in {count} index{'es' if count > 1 else ''}{unsure}"
    hint = _others(searched.status(), given["kind"], given["language"])
    if isinstance(searched, Index) and given["path"] and not _any_file(searched, given["path"]):
        return (
            f"{hint}; no file in the index matches --path, whose globs are relative to"
            f" {searched.root}"
        )
    return f"{hint}{unsure}"


def _others(facts: Mapping[str, Any], kinds: Sequence[str], languages: Sequence[str]) -> str:
    """Which kinds and languages there are, where one was asked for that is not there."""
    hint = ""
    for name, asked in (("kinds", kinds), ("languages", languages)):
        if name in facts and set(asked) - set(facts[name]):
            hint += f"; {name} in the index: {', '.join(facts[name]) or 'none'}"
    return hint


def _any_file(opened: Index, paths: Sequence[str]) -> bool:
    """Whether there is a file that the globs match."""
    from codeindex.filters import Filter

    return next(opened.snippets(Filter(paths=tuple(paths))), None) is not None
