"""Sentences: running text, an abstract say, cut into what it says one thing after the other.

A stop ends a sentence unless it belongs to an abbreviation, an initial, a number or an
enumerator, stands in brackets or is followed by a small letter: the usual rules (Grefenstette
and Tapanainen, "What is a word, what is a sentence?", COMPLEX 1994), with the abbreviations of
papers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 1000
"""A longer one is cut between words: no encoder reads as much, and a table has no stops."""

_BLOCK = re.compile(r"\n\s*\n|\n(?=[ \t]*(?:[-*•–]|\(?\d{1,2}[.)])[ \t])")
_STOP = re.compile(
    r"""(?:[.!?…]+ (?:["'”’»)\]]|\[[\d,;\s–-]{1,40}\])* (?=\s|\Z)   # closers and citations
        |[。！？]+[”’」』）]*)""",
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+\Z")
_NEXT_WORD = re.compile(r"\s*[\"'“‘(\[]*([^\W\d_]+|.)?")
_ENUMERATOR = re.compile(r"(?:\A|[:;,]\s|\sand\s)\s*[\"'(]?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})\Z")

_INSIDE_TEXT = """
e.g i.e cf vs fig figs eq eqs sec sect ref refs tab alg def thm prop lem ex approx resp viz dr mr
mrs ms prof st no nos vol pp p ch app ed eds proc univ dept ca incl esp
"""
_EITHER_TEXT = "etc al i.i.d w.r.t a.k.a s.t u.s u.k ph.d inc ltd corp co jr sr"
_STARTERS_TEXT = """
we the this these those that it its in our a an however to for as on by with from here moreover
furthermore finally thus hence then there they such while when since although despite using given
first second both each if unlike code experiments results
"""
_INSIDE = frozenset(_INSIDE_TEXT.split())
"""Abbreviations that something always follows."""
_EITHER = frozenset(_EITHER_TEXT.split())
"""Those that also stand at the end of a sentence."""
_STARTERS = frozenset(_STARTERS_TEXT.split())
"""Words that, with a capital, hardly ever stand elsewhere than at the beginning."""


def sentences(text: str) -> list[str]:
    """The sentences of `text`, in order; together they are all of it but for white space.

    Blank lines and list items end one as well; other line ends are spaces, and a word that is
    hyphenated over two lines is put together, with its hyphen.
    """
    found: list[str] = []
    for block in _BLOCK.split(text.replace("\r\n", "\n").replace("\r", "\n")):
        line = " ".join(re.sub(r"(?<=\w-)\n\s*(?=\w)", "", block).split())
        for sentence in _of_line(line):
            found += _cut(sentence)
    return found


def _of_line(line: str) -> Iterator[str]:
    start = 0
    for stop in _STOP.finditer(line):
        if _ends(line[start : stop.end()], stop.group(), line[stop.end() :]):
            if sentence := line[start : stop.end()].strip():
                yield sentence
            start = stop.end()
    if rest := line[start:].strip():
        yield rest


def _ends(sentence: str, stop: str, rest: str) -> bool:
    """Whether `sentence`, which ends with `stop`, is one when `rest` follows."""
    if not rest.strip() or stop[0] in "。！？":
        return True
    if _is_open(sentence) and re.search(r"[)\]]", rest[:400]):
        return False
    match = _NEXT_WORD.match(rest)
    following = (match.group(1) if match else None) or ""
    if following[:1].islower():
        return False
    if not stop.startswith(".") or stop.startswith(".."):
        return True
    before = sentence.removesuffix(stop)
    if _ENUMERATOR.search(before) and not _is_starter(following):
        return False
    last = _LAST_WORD.search(before)
    word = last.group().lower() if last else ""
    if word in _INSIDE and len(stop) == 1:
        return False
    if word in _EITHER or _is_initial(before):
        return len(stop) > 1 or _is_starter(following)
    return True


def _is_open(sentence: str) -> bool:
    """Whether a bracket is open at its end."""
    return sentence.count("(") > sentence.count(")") or sentence.count("[") > sentence.count("]")


def _is_starter(word: str) -> bool:
    return word[:1].isupper() and word.lower() in _STARTERS


def _is_initial(before: str) -> bool:
    """Whether one capital letter stands alone at the end, as in ``J.`` or ``A. B.``"""
    return bool(re.search(r"(?:\A|[\s.(])[^\W\d_]\Z", before)) and before[-1].isupper()


def _cut(sentence: str) -> Iterator[str]:
    """In parts of at most `MAX_SENTENCE_CHARS`, between words if there are any."""
    while len(sentence) > MAX_SENTENCE_CHARS:
        at = sentence.rfind(" ", 1, MAX_SENTENCE_CHARS + 1)
        at = MAX_SENTENCE_CHARS if at < 1 else at
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence
