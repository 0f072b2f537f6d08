"""Which functions are no good to learn from, and why: the filters of CodeSearchNet, and more.

Husain et al., "CodeSearchNet Challenge" (2019), section 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Literal

from codeindex.pairs.bodies import without_docstring
from codeindex.pairs.docstrings import anchor_of, is_english, is_prose, words_in
from codeindex.snippet import Snippet
from codeindex.texts import embedding_text


class LeftOut(StrEnum):
    """Why a function gives no pair; the first that holds is counted."""

    UNDOCUMENTED = "without a docstring"
    GENERATED = "in a generated file"
    TEST = "a test"
    DUNDER = "a constructor or other __name__"
    SHORT_TEXT = "docstring too short"
    LONG_TEXT = "docstring too long"
    NO_ENGLISH = "docstring not English prose"
    NOTHING_SAID = "docstring points elsewhere"
    STUB = "a stub: overload, abstract or empty"
    NOT_REMOVABLE = "docstring cannot be taken out"
    IN_CODE = "docstring stands in the code, too"
    SHORT_CODE = "code too short"
    LONG_CODE = "code too long"
    DUPLICATE = "nearly the same code as before"
    SAME_TEXT = "docstring that stands often"


@dataclass(frozen=True)
class MiningOptions:
    """What is left out.

    Attributes:
        min_lines, max_lines: of code without the docstring and blank lines.
        min_words, max_words: of the docstring's first paragraph.
        same_text: pairs that may have the same docstring.
        similarity: from which on code is the same, see `NearDuplicates`.
        text: what the positive is: the code alone, or with path and name, as an index embeds it.
    """

    min_lines: int = 3
    max_lines: int = 500
    min_words: int = 3
    max_words: int = 120
    same_text: int = 2
    similarity: float = 0.8
    text: Literal["code", "index"] = "code"


@dataclass(frozen=True, slots=True)
class Mined:
    """A pair.

    Attributes:
        anchor: a docstring's first paragraph.
        code: the function without the docstring.
        positive: the same, or what an index embeds of it.
    """

    anchor: str
    code: str
    positive: str


def mined(snippet: Snippet, options: MiningOptions) -> Mined | LeftOut:
    """The pair of a function or method, or why there is none.

    Whatever is returned, the anchor does not stand in the positive, not even over several lines.
    """
    if not snippet.docstring.strip():
        return LeftOut.UNDOCUMENTED
    if is_test(snippet.path, snippet.name):
        return LeftOut.TEST
    if snippet.name.rpartition(".")[2].startswith("__") and snippet.name.endswith("__"):
        return LeftOut.DUNDER
    anchor = anchor_of(snippet.docstring)
    reason = _wrong_text(anchor, options)
    if reason is not None:
        return reason
    code = _code(snippet)
    if isinstance(code, LeftOut):
        return code
    lines = sum(bool(line.strip()) for line in code.split("\n"))
    if not options.min_lines <= lines <= options.max_lines:
        return LeftOut.SHORT_CODE if lines < options.min_lines else LeftOut.LONG_CODE
    positive = code
    if options.text == "index":
        positive = embedding_text(replace(snippet, code=code, docstring=""))
    if _squeezed(anchor) in _squeezed(positive):
        return LeftOut.IN_CODE
    return Mined(anchor, code, positive)


_TODO = re.compile(
    r"(?:TODO|FIXME|XXX|HACK|undocumented|not documented|docstring)\b", re.IGNORECASE
)
_ELSEWHERE = re.compile(
    r"(?:please )?(?:see|cf\.?|refer to|same as|like|as|inherit\w*|overrid(?:es?|den|ing)"
    r"|(?:an? )?alias (?:for|of|to)|(?:backwards? )?compat\w*|deprecated|wrapper (?:for|around)"
    r"|implement(?:s|ed|ation)? (?:of|for|from|by)?|documentation|docs?)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 7


def _wrong_text(anchor: str, options: MiningOptions) -> LeftOut | None:
    words = words_in(anchor)
    if words < options.min_words:
        return LeftOut.SHORT_TEXT
    if words > options.max_words:
        return LeftOut.LONG_TEXT
    if not (is_prose(anchor) and is_english(anchor)):
        return LeftOut.NO_ENGLISH
    # "See base class." says nothing, "See whether a path is inside another one, …" does.
    if _TODO.match(anchor) or (words <= _FEW_WORDS and _ELSEWHERE.match(anchor)):
        return LeftOut.NOTHING_SAID
    return None


def _code(snippet: Snippet) -> str | LeftOut:
    """The function without its docstring."""
    if snippet.language == "python":
        body = without_docstring(snippet.code)
        if body is None:
            return LeftOut.STUB if _only_documented(snippet) else LeftOut.NOT_REMOVABLE
        return LeftOut.STUB if body.is_stub else body.code
    # Of other languages it is not known what is documentation; often it is above the code.
    code = snippet.code
    first = next((line.strip() for line in snippet.docstring.split("\n") if line.strip()), "")
    return LeftOut.NOT_REMOVABLE if first in code else code


def _only_documented(snippet: Snippet) -> bool:
    """Whether nothing comes after the docstring."""
    return snippet.code.rstrip().endswith(("'", '"', "'''", '"""'))


_TEST_FOLDERS = frozenset({"test", "tests", "testsuite", "test_suite", "testdata", "__tests__"})
_TEST_FILE = re.compile(r"tests?|conftest|test_.*|.*_tests?|.*\.(?:test|spec)", re.IGNORECASE)
_TEST_NAME = re.compile(
    r"(?:.*\.)?(?:test(?:_\w*|[A-Z]\w*)?|(?:setUp|tearDown)(?:Class|Module|TestData)?)"
    r"|(?:.*\.)?(?:Test[A-Z]\w*|\w*Tests?|\w*TestCase)\..*"
)


def is_test(path: str, name: str) -> bool:
    """Whether a function is a test, or stands among tests; by names only."""
    place = PurePosixPath(path)
    if any(part.lower() in _TEST_FOLDERS for part in place.parts[:-1]):
        return True
    return bool(_TEST_FILE.fullmatch(place.stem) or _TEST_NAME.fullmatch(name))


_GENERATED = re.compile(
    r"do not (?:edit|modify)\b|@generated\b"
    r"|^\W*(?:warning\W+)?(?:this\s+)?(?:(?:file|code|module)\s+)?"
    r"(?:(?:was|is|has been)\s+)?(?:auto-?\s?generated|automatically generated)\b"
    r"|^\s*(?:#|//|\*|/\*)\W*(?:this file (?:was|is) )?generated (?:by|from|with|on)\b",
    re.IGNORECASE | re.MULTILINE,
)


def is_generated(head: str) -> bool:
    """Whether the first lines of a file say that a tool wrote it."""
    return _GENERATED.search(head) is not None


def _squeezed(text: str) -> str:
    return " ".join(text.lower().split())
