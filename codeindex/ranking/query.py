"""Query: what is asked for, taken apart once for all that rank by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeindex.ranking.paths import PathKind, kinds_asked
from codeindex.ranking.symbols import Symbol, only_symbols, symbols_in
from codeindex.words import query_words, split_identifier


@dataclass(frozen=True, slots=True)
class Query:
    """A question.

    Attributes:
        text: as it was asked.
        shares: word → how much of the question it is, by its rarity; all together 1.
        symbols: names of code in it, see `symbols_in`.
        symbolic: nothing but such names is asked for.
        wanted: sorts of file that it asks for, which are else ranked down.
    """

    text: str
    shares: Mapping[str, float]
    symbols: tuple[Symbol, ...]
    symbolic: bool
    wanted: frozenset[PathKind]

    def share(self, words: frozenset[str]) -> float:
        """How much of the question `words` are, 0…1."""
        return sum([self.shares[word] for word in words & self.shares.keys()])


_LANGUAGES = frozenset(
    query_words("golang java javascript kotlin perl php python ruby rust scala swift typescript")
)
"""Code in a language does not say its name; the few places that do are no better answers."""


def asked_words(text: str) -> list[str]:
    """The words that the lexical half looks for; of a symbol also ``is`` and ``in``.

    The name of a language is left out where something else is asked for.
    """
    words = query_words(text, keep_stop_words=only_symbols(text))
    return [word for word in words if word not in _LANGUAGES] or words


def analysed(text: str, words: Sequence[str], rarity: Mapping[str, float]) -> Query:
    """Takes a question apart.

    Args:
        words: `asked_words` of it.
        rarity: what each word weighs, see `rarity`; 1 for those that are not in it.
    """
    weights = {word: rarity.get(word, 1.0) for word in words}
    total = sum(weights.values()) or 1.0
    shares = {word: weight / total for word, weight in weights.items()}
    spelt = frozenset((*text.lower().split(), *split_identifier(text)))
    return Query(text, shares, symbols_in(text), only_symbols(text), kinds_asked(spelt))


def rarity(holding: int, documents: int) -> float:
    """What a word weighs that `holding` of `documents` hold: BM25's inverse document frequency."""
    return math.log(1 + (documents - holding + 0.5) / (holding + 0.5))
