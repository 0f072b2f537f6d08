"""Held-out docstrings: each asks for the function that it was taken out of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from codeindex.errors import UsageError
from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Level, Question, Questions
from codeindex.evaluation.undocumented import undocumented
from codeindex.pairs.filters import LeftOut, Mined, MiningOptions, is_generated, mined
from codeindex.recipes import UNKNOWN_TEXTS, TextRecipe, recipe_of
from codeindex.snippet import Snippet

if TYPE_CHECKING:
    from codeindex.index import Index

SOURCE = "docstrings"

_KINDS = frozenset({"function", "method"})
_HEAD_BYTES = 1000
_WORD = re.compile(r"\w+")


def held_out_questions(index: Index) -> Questions:
    """The first paragraphs of docstrings of functions and methods that are good to ask with.

    Which are, `codeindex.pairs.filters` says; the same text over several functions asks for
    each of them, over many it is left out. A text that still stands in what is searched, when
    the docstrings are taken out, is no question.

    Raises:
        UsageError: nobody knows how the texts of the index were made.
    """
    places = Places(index.snippets(), Level.SNIPPET)
    recipe = recipe_of(index.status())
    if recipe is UNKNOWN_TEXTS:
        raise UsageError(
            f"the vectors of the index at {index.folder} were imported, and nobody has said of"
            " which texts: texts without docstrings cannot be embedded likewise; ask by --from git"
            " or --queries"
        )
    options = MiningOptions()
    left_out: Counter[str] = Counter()
    asked: dict[str, dict[str, int]] = {}
    generated = _Generated(index.root)
    for snippet in index.snippets():
        if snippet.kind not in _KINDS:
            continue
        found = _question(snippet, options, recipe, generated)
        if isinstance(found, LeftOut):
            left_out[found.value] += 1
        else:
            asked.setdefault(found, {})[places.of(snippet)] = 1
    questions = []
    for text, relevant in asked.items():
        if len(relevant) > options.same_text:
            left_out[LeftOut.SAME_TEXT.value] += len(relevant)
        else:
            questions.append(Question(next(iter(relevant)), text, relevant))
    return Questions(SOURCE, questions, len(questions), _ordered(left_out))


def _question(
    snippet: Snippet,
    options: MiningOptions,
    recipe: TextRecipe,
    generated: Callable[[str], bool],
) -> str | LeftOut:
    if snippet.docstring.strip() and generated(snippet.path):
        return LeftOut.GENERATED
    bare = undocumented(snippet)
    # Of Python, the filters take the docstring out themselves, and tell stubs by that.
    judged = snippet if snippet.language == "python" else replace(snippet, code=bare.code)
    found = mined(judged, options)
    if not isinstance(found, Mined):
        return found
    asked = _words(found.anchor)
    searched = (recipe.of(bare), bare.code, bare.path, bare.name)
    if any(f" {asked} " in f" {_words(text)} " for text in searched):
        return LeftOut.IN_CODE
    return found.anchor


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


class _Generated:
    """Whether the file at a path says that a tool wrote it; read once a file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, bool] = {}

    def __call__(self, path: str) -> bool:
        if path not in self._known:
            self._known[path] = is_generated(_head(self._root / path))
        return self._known[path]


def _head(location: Path) -> str:
    try:
        with location.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""  # the tree of an index that was moved or unpacked need not be there


def _ordered(left_out: Mapping[str, int]) -> dict[str, int]:
    return {reason.value: left_out[reason.value] for reason in LeftOut if left_out[reason.value]}
