"""Subjects of commits → queries: what somebody wanted, or why it is nothing to ask with."""

from __future__ import annotations

import re
from enum import StrEnum

from codeindex.pairs.docstrings import words_in

MIN_WORDS = 3


class Refused(StrEnum):
    """Why a commit gives no question; the first that holds is counted."""

    BOT = "by a bot"
    ROUTINE = "a revert, a release or other routine"
    SHORT = f"subject shorter than {MIN_WORDS} words"
    TWICE = "subject that stood before"
    LARGE = "changes too much"
    NO_FUNCTION = "no function that it changed is in the index, as it was left"
    OTHER_TEXT = (
        "its files are not in the index as they are in HEAD (codeindex index brings it up to date)"
    )


_BOT = re.compile(
    r"\[bot\]|\bbot\b|dependabot|renovate|greenkeeper|snyk|pre-?commit-?ci|github[- ]actions?\b"
    r"|\bweblate\b|\btransifex\b",
    re.IGNORECASE,
)
_ROUTINE = re.compile(
    r"(?:merge|revert|reapply|back(?:ed|ing)? out|bump(?:ed|s)?|release[ds]?|releasing"
    r"|prepar(?:e|es|ing) (?:for )?(?:the )?(?:release|version)|version|wip|cherry.?pick"
    r"|(?:post|pre).release|back to development"
    r"|updat(?:e|ed|es) (?:the )?(?:change ?log|dependenc\w+|requirements|copyright|translations?"
    r"|lock ?file)|(?:fix|fixed|fixes) (?:a )?(?:typos?|lint\w*|flake8|whitespace|formatting)\W*$"
    r"|(?:run|apply|ran|applied|reformat\w* with) (?:black|ruff|isort|prettier|pyupgrade)"
    r"|initial (?:commit|import))\b"
    r"|(?:fixup|squash|amend)!|v?\d+\.\d+|\[(?:pre-commit|skip ci|ci skip)",
    re.IGNORECASE,
)
_MARKS = (
    re.compile(r"^\s*(?:\[[^\]]{1,30}\]\s*)+"),  # [3.11] [docs]
    re.compile(r"^(?:feat|fix|docs?|style|refactor|perf|tests?|chore)(?:\([^)]{1,40}\))?!?:\s+"),
    re.compile(r"^(?:\w+ )?[A-Z][A-Z0-9]+-\d+\b\s*[:-]*\s*"),  # PROJ-12:
    re.compile(r"^(?:(?:fix|clos|resolv|ref)\w*\s+)?(?:gh-?|#|bpo-)\d+\s*(?:--|[:-])?\s*", re.I),
    re.compile(r"\s*\((?:(?:gh-?|#|!|bpo-)?\d+(?:,\s*)?)+\)\s*$", re.IGNORECASE),  # (#123)
)


def query_of(author: str, subject: str) -> str | Refused:
    """The subject without the numbers and marks that a project puts around it.

    Args:
        author: name and address.
    """
    if _BOT.search(author):
        return Refused.BOT
    text = " ".join(subject.split())
    for pattern in _MARKS:
        if _ROUTINE.match(text):
            return Refused.ROUTINE
        text = pattern.sub("", text)
    if _ROUTINE.match(text):
        return Refused.ROUTINE
    return text if words_in(text) >= MIN_WORDS else Refused.SHORT
