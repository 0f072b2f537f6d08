"""Texts → token ids, by the library `tokenizers`; a short cut for word tables over ASCII.

Code repeats its words. Where a tokenizer only lower-cases, splits off runs of letters and
digits and cuts each into word pieces, the pieces of a word never change: they are looked up,
several times as fast as they are computed. Everything else takes the library's way; both
give the same ids, which the tests compare.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

from tokenizers import Tokenizer

SPLIT_AT_WORDS = {
    "type": "Split",
    "pattern": {"Regex": "[\\W_]+"},
    "behavior": "Removed",
    "invert": False,
}
"""The pre-tokenizer of a word table: runs of letters and digits, nothing between them."""

CHARS_PER_TOKEN = 16
"""A text is cut to this many characters for each token that is read, before it is tokenised."""

_WORD = re.compile(r"[a-z0-9]+")
# The normaliser deletes control characters, which would join the words around them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CACHE_LIMIT = 500_000


class TokenIds:
    """Token ids of texts, at most `max_tokens` of each."""

    def __init__(self, tokenizer: bytes, max_tokens: int) -> None:
        """Takes the bytes of a ``tokenizer.json``.

        Raises:
            ValueError: it is none.
        """
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_buffer(tokenizer)
        except Exception as error:  # the library raises plain Exception
            raise ValueError(str(error)) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._max_tokens = max_tokens
        self._pieces = _Pieces(self._tokenizer) if _is_word_table(tokenizer) else None

    def of(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, in order."""
        limit = self._max_tokens * CHARS_PER_TOKEN
        cut = [text[:limit] for text in texts]
        if self._pieces is None:
            return self._by_library(cut)
        ids = [self._by_words(text, self._pieces) for text in cut]
        slow = [row for row, found in enumerate(ids) if found is None]
        for row, found in zip(slow, self._by_library([cut[row] for row in slow]), strict=True):
            ids[row] = found
        return [found if found is not None else [] for found in ids]

    def _by_library(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(clean)]

    def _by_words(self, text: str, pieces: _Pieces) -> list[int] | None:
        if not text.isascii() or _CONTROL.search(text):
            return None
        words = _WORD.findall(text.lower())
        found = chain.from_iterable(map(pieces.__getitem__, words))
        return list(islice(found, self._max_tokens))


class _Pieces(dict[str, list[int]]):
    """Word → the ids of its pieces, computed when first asked for."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, word: str) -> list[int]:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        found: list[int] = self._tokenizer.encode(word).ids
        self[word] = found
        return found


def _is_word_table(tokenizer: bytes) -> bool:
    """Whether the tokenizer does nothing but what `_by_words` does to ASCII."""
    facts: dict[str, Any] = json.loads(tokenizer)
    normalizer = facts.get("normalizer") or {}
    added = {token["content"] for token in facts.get("added_tokens") or []}
    return (
        facts.get("pre_tokenizer") == SPLIT_AT_WORDS
        and facts.get("post_processor") is None
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("lowercase") is True
        and (facts.get("model") or {}).get("type") == "WordPiece"
        and not added
    )
