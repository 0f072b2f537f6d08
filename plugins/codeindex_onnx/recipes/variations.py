"""Forms of a pair that `small` is trained on: what people ask, and what an index holds.

Docstrings alone would teach that questions are whole sentences, and that no function that is
searched has a docstring. So some questions are cut down to keywords, as in a search box, and some
functions keep their docstring, or the rest of it.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

from codeindex.lexical.stop_words import STOP_WORDS
from codeindex.pairs import Pair
from codeindex.snippet import Snippet
from codeindex.texts import HEAD_LINES, embedding_text

KEEP_DOCSTRING, KEEP_REST, BARE_CODE = 0.4, 0.1, 0.15
"""Shares of the pairs; the others are as an index embeds a function without docstring."""

_LANGUAGE = 0.4
_MOST_KEYWORDS = 10
_KEPT_KEYWORDS = 0.75
_SMALL_WORDS = STOP_WORDS | {"given"}
_WORD = re.compile(r"[\w']+")


def varied(pair: Pair, function: Snippet | None, draw: random.Random) -> Pair:
    """The pair in one of its forms.

    Args:
        pair: a docstring's first paragraph, and the text of its function without docstring.
        function: the function with its docstring; None if it is not to be had.
    """
    chance = draw.random()
    if function is None or chance >= KEEP_DOCSTRING + KEEP_REST + BARE_CODE:
        return replace(pair, anchor=question(pair.anchor, draw))
    if chance < KEEP_DOCSTRING:
        # The question must not be a part of the answer word by word.
        return replace(
            pair,
            anchor=question(pair.anchor, draw, whole=0.0, dropping=True),
            positive=embedding_text(function),
        )
    anchor = question(pair.anchor, draw)
    if chance < KEEP_DOCSTRING + KEEP_REST:
        head, _, rest = function.docstring.strip().partition("\n\n")
        code = function.code.replace(head, "", 1)
        text = embedding_text(replace(function, docstring=rest.strip(), code=code))
        return replace(pair, anchor=anchor, positive=text)
    return replace(pair, anchor=anchor, positive=pair.positive.split("\n", HEAD_LINES)[HEAD_LINES])


def question(text: str, draw: random.Random, *, whole: float = 0.5, dropping: bool = False) -> str:
    """As somebody would type it: the whole sentence, in lower case, or its keywords only.

    Args:
        whole: share of the questions that stay as they are.
        dropping: a quarter of the keywords is left out, too.
    """
    if draw.random() < whole:
        return text
    lower = " ".join(text.lower().rstrip(". ").split())
    before = "python " if draw.random() < _LANGUAGE else ""
    if draw.random() < 0.5:
        return before + lower
    words = [word for word in _WORD.findall(lower) if word not in _SMALL_WORDS][:_MOST_KEYWORDS]
    if dropping and len(words) > 4:
        words = [word for word in words if draw.random() < _KEPT_KEYWORDS]
    return before + " ".join(words) if len(words) > 1 else lower
