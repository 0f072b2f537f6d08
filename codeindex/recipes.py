"""Which text of a snippet an index embeds: what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from codeindex.errors import IndexVersionError, UsageError
from codeindex.interfaces import Encoder
from codeindex.snippet import Snippet
from codeindex.texts import HEAD_LINES, TEXT_RECIPE, embedding_text
from codeindex.vectors import Embeddings
from codeindex.windows import encode_whole


class TextRecipe(Protocol):
    """How the text of a snippet is made. Two recipes never meet in one index."""

    @property
    def name(self) -> str:
        """Names the recipe with its settings; part of an index's fingerprint."""
        ...

    def of(self, snippet: Snippet) -> str:
        """The text to embed."""
        ...

    def encode(self, encoder: Encoder, texts: Sequence[str]) -> Embeddings:
        """Vectors of such texts, float32 (len(texts), dim).

        Raises:
            PluginError: the encoder failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceTexts:
    """The recipe of an index of a source tree."""

    name: str = TEXT_RECIPE

    def of(self, snippet: Snippet) -> str:
        """See `codeindex.texts.embedding_text`."""
        return embedding_text(snippet)

    def encode(self, encoder: Encoder, texts: Sequence[str]) -> Embeddings:
        """Long ones in windows, see `codeindex.windows`."""
        return encode_whole(encoder, texts, HEAD_LINES)


SOURCE_TEXTS = SourceTexts()


@dataclass(frozen=True, slots=True)
class UnknownTexts:
    """The recipe of vectors that came from elsewhere and do not say what they are of."""

    name: str = "unknown/1"

    def of(self, snippet: Snippet) -> str:
        """There is none.

        Raises:
            UsageError: always.
        """
        raise _unknown()

    def encode(self, encoder: Encoder, texts: Sequence[str]) -> Embeddings:
        """Nor vectors of one.

        Raises:
            UsageError: always.
        """
        raise _unknown()


def _unknown() -> UsageError:
    return UsageError(
        "the vectors of this index were imported, and nobody has said of which texts they"
        " are: one that is lost cannot be made again; import them again"
    )


UNKNOWN_TEXTS = UnknownTexts()


def recipe_of(manifest: Mapping[str, Any]) -> TextRecipe:
    """The recipe of the index that has this manifest.

    Raises:
        IndexVersionError: it is one that this version of codeindex does not know.
    """
    texts = manifest.get("texts")
    return recipe_named(texts["recipe"]) if texts else SOURCE_TEXTS


def recipe_named(name: str) -> TextRecipe:
    """The recipe that has this name.

    Raises:
        IndexVersionError: it is one that this version of codeindex does not know.
    """
    for recipe in (SOURCE_TEXTS, UNKNOWN_TEXTS):
        if recipe.name == name:
            return recipe
    from codeindex.embedding.context import PaperContext

    context = PaperContext.named(name)
    if context is None:
        raise IndexVersionError(
            f"the vectors are of texts of the recipe {name!r}, which this codeindex does"
            " not know: they were written by a newer version; upgrade codeindex"
        )
    return context


def refuse_embedded(manifest: Mapping[str, Any], folder: object) -> None:
    """Refuses to bring an index up to date with source files that was made of given vectors.

    Raises:
        UsageError: `codeindex embed` or `codeindex vectors import` has made it; the message says
            what to run instead.
    """
    texts = manifest.get("texts")
    if not texts:
        return
    if texts.get("imported"):
        raise UsageError(
            f"the index at {folder} was made by codeindex vectors import from {texts['input']}, and"
            " is not brought up to date with source files; import again, or name another --index"
        )
    raise UsageError(
        f"the index at {folder} was made by codeindex embed from {texts['input']}, with other"
        f" texts ({texts['recipe']}) than an index of source files has; make it anew with:"
        f" codeindex embed {texts['input']} --index {folder}, or name another --index"
    )
