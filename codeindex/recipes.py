"""Which text of a snippet an index embeds: what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from codeindex.snippet import Snippet
from codeindex.texts import TEXT_RECIPE, embedding_text


class TextRecipe(Protocol):
    """How the text of a snippet is made. Two recipes never meet in one index."""

    @property
    def name(self) -> str:
        """Names the recipe with its settings; part of an index's fingerprint."""
        ...

    def of(self, snippet: Snippet) -> str:
        """The text to embed."""
        ...


@dataclass(frozen=True, slots=True)
class SourceTexts:
    """The recipe of an index of a source tree."""

    name: str = TEXT_RECIPE

    def of(self, snippet: Snippet) -> str:
        """See `codeindex.texts.embedding_text`."""
        return embedding_text(snippet)


SOURCE_TEXTS = SourceTexts()


def recipe_of(manifest: Mapping[str, Any]) -> TextRecipe:
    """The recipe of the index that has this manifest.

    Raises:
        IndexVersionError: it is one that this version of codeindex does not know.
    """
    texts = manifest.get("texts")
    if not texts:
        return SOURCE_TEXTS
    from codeindex.embedding.context import PaperContext
    from codeindex.errors import IndexVersionError

    recipe = PaperContext(texts["weight"])
    if recipe.name != texts["recipe"]:
        raise IndexVersionError(
            f"the index embeds texts of the recipe {texts['recipe']!r}, which this codeindex does"
            " not know: it was written by a newer version; upgrade codeindex"
        )
    return recipe


def refuse_embedded(manifest: Mapping[str, Any], folder: object) -> None:
    """Refuses to bring an index up to date with source files that `codeindex embed` has made.

    Raises:
        UsageError: it is one; the message says what to run instead.
    """
    from codeindex.errors import UsageError

    texts = manifest.get("texts")
    if texts:
        raise UsageError(
            f"the index at {folder} was made by codeindex embed from {texts['input']}, with other"
            f" texts ({texts['recipe']}) than an index of source files has; make it anew with:"
            f" codeindex embed {texts['input']} --index {folder}, or name another --index"
        )
