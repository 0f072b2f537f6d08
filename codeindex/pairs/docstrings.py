"""Docstring → the sentence or two that say what the function does, without markup."""

from __future__ import annotations

import re

_SIGNATURE = re.compile(r"[\w.]+\([^()]*(?:\([^()]*\)[^()]*)*\)(?:\s*(?:->|=>)\s*[\w\[\], .|]*)?:?")
_UNDERLINE = re.compile(r"([=\-~^\"'`*+#_.])\1{2,}\s*")
_ENDS = re.compile(
    r"\s*(?:>>>"  # doctest
    r"|:[a-z]\w*(?:\s[^:]*)?:(?!`)"  # :param x: and :returns:
    r"|[@\\](?!brief)[a-z]+\b"  # @param, \param
    r"|\.\. ?[\w-]"  # .. directive::
    r"|```|~~~|\{%"
    r")",
    re.IGNORECASE,
)
_SECTION = re.compile(
    r"\s*(?:Args?|Arguments|Param(?:eter)?s?|Returns?|Yields?|Raises?|Examples?|Usage|Notes?|"
    r"Attributes|Inputs?|Outputs?|Keyword Arg(?:ument)?s|See Also|Todo|Warnings?)\s*(:?)\s*",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s")
_ROLE = r"(?<![:\w])(?::[\w+.-]{1,40}){1,3}:"  # bounded: each place is tried
_MARKUP = (
    (re.compile(r"^\s*[@\\]brief\b"), ""),
    (re.compile(r"\s?\[[\w#*-]+\]_"), ""),  # footnote [1]_
    (re.compile(r"!?\[([^\]\[]+)\]\([^)\s]*\)"), r"\1"),  # [text](address)
    (re.compile(_ROLE + r"`[!~]?([^`<]*?)\s*<[^`>]*>`"), r"\1"),  # :ref:`text <target>`
    (re.compile(_ROLE + r"`~(?:[^`]*\.)?([^`.]+)`"), r"\1"),  # :class:`~a.b.C`
    (re.compile(_ROLE + r"`[!.]?([^`]+)`"), r"\1"),  # :func:`name`
    (re.compile(r"`([^`<]+?)\s*<[^`>]+>`__?"), r"\1"),  # `text <address>`_
    (re.compile(r"(?<!`)`([^\s`']+)'"), r"\1"),  # `name', as GNU quoted
    (re.compile(r"(?<!`)`~(?:[^`]*\.)?([^`.]+)`"), r"\1"),  # `~a.b.C`
    (re.compile(r"(?<!`)`[!.]([^`]+)`"), r"\1"),  # `.name`
    (re.compile(r"`{1,3}([^`]+)`{1,3}_{0,2}"), r"\1"),  # ``code``, `name`, `name`_
    (re.compile(r"(?<![\w*])(\*{1,2})(?=[^\s*])([^*]+?)(?<=[^\s*])\1(?![\w*])"), r"\2"),
    (re.compile(r"\b[BCIL]\{([^{}]*)\}"), r"\1"),  # epydoc
    (re.compile(r"</?(?:a|b|br|code|em|i|li|p|pre|strong|tt|ul)\b[^<>]*>", re.IGNORECASE), " "),
    (re.compile(r"<?\b(?:https?|ftp)://[^\s>]*[^\s>.,;:!?)]>?"), ""),
    (re.compile(r"\\([*_`|])"), r"\1"),
    (re.compile(r"(?<=[.;])\s(?:Arguments|Args|Parameters|Returns|Usage|Examples?)\s*::?\s*$"), ""),
    (re.compile(r"\s+"), " "),
    (re.compile(r"\(\s*\)(?=\s|$)|(?<=\s)\(see:?\s*\)"), ""),
    (re.compile(r"\s+(?=[.,;](?:\s|$))"), ""),
)


def anchor_of(docstring: str) -> str:
    """The first paragraph that is prose, on one line, without reST, Markdown, epydoc and HTML.

    A paragraph that is only the function's signature, as C extensions have it, is passed
    over. What comes after ``Args:``, ``:param``, ``>>>`` or a directive is no prose.
    """
    for paragraph in _paragraphs(docstring):
        text = " ".join(paragraph)
        if not _SIGNATURE.fullmatch(text.strip()):
            return _clean(text)
    return ""


def _paragraphs(docstring: str) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    lines = docstring.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        section = _SECTION.fullmatch(line)
        underlined = _UNDERLINE.fullmatch(following.strip())
        if _ENDS.match(line) or (section and (section[1] or underlined)):
            break
        if not line.strip():
            paragraphs.append([])
        elif paragraphs[-1] and _BULLET.match(line):
            break  # a list is no prose
        elif not _UNDERLINE.fullmatch(line.strip()):
            paragraphs[-1].append(line.strip())
    return [paragraph for paragraph in paragraphs if paragraph]


def _clean(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.strip().removesuffix("::").rstrip(" :").strip("'\"").strip()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    "the a an of to in is if it and or for from with by on at as this that are be not its all any"
    " whether when which given return returns get set check into has can will"
)
_FOREIGN = _words(
    "de la el los las una un para por con que del en le les des du et est pour une dans der die"
    " das und ist mit von ein eine den dem nicht auf il di della per che con sono da do dos das"
    " um uma para com não se si van het een op voor wordt lista devuelve retorna renvoie gibt"
    " restituisce funcion valor"
)


def is_english(text: str) -> bool:
    """Whether it reads like English: Latin letters, and not more small words of other languages.

    A rule of thumb without a model: it lets short texts of other languages through.
    """
    letters = [letter for letter in text if letter.isalpha()]
    if not letters or sum(letter.isascii() for letter in letters) < 0.9 * len(letters):
        return False
    words = re.findall(r"[^\W\d_]+", text.lower())
    foreign = sum(word in _FOREIGN for word in words)
    return foreign < 2 or foreign <= sum(word in _ENGLISH for word in words)


_WORD = re.compile(r"[^\W\d_]{2,}|\A[aA]\Z")
_PLAIN = re.compile(r"[(\[\"']*[^\W\d_](?:[^\W\d_]|['’/-])+[)\]\"']*[.,;:!?]*")
_RULE = re.compile(r"[\w.-]+\s*(?:::?)?=\s")
_LEAST_PLAIN = 0.4  # "Return (x1 < x2) element-wise." is prose, "a, b -> c * d" is not


def words_in(text: str) -> int:
    """Words between spaces that have two letters in a row, and the article."""
    return sum(_WORD.search(word) is not None for word in text.split())


def is_prose(text: str) -> bool:
    """Whether it is made of words, and is no formula and no rule of a grammar."""
    words = text.split()
    plain = sum(_PLAIN.fullmatch(word) is not None for word in words)
    return _RULE.match(text) is None and plain >= _LEAST_PLAIN * len(words)
