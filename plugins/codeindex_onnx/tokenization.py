"""Texts → token ids, by the library `tokenizers`; a short cut for word tables over ASCII.

Code repeats its words. Where a tokenizer only lower-cases, splits off runs of letters and
digits and cuts each into word pieces, the pieces of a word never change: they are looked up,
several times as fast as they are computed. Everything else takes the library's way, which is
loaded only then; both give the same ids, which the tests compare.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# ASCII bytes → the bytes of words, in lower case, and spaces between them.
_TO_WORDS = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() and code < 128 else 32 for code in range(256)
)
# The normaliser deletes control characters, which joins the words around them.
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])
_CACHE_LIMIT = 500_000


class TokenIds:
    """Token ids of texts, at most `max_tokens` of each."""

    def __init__(self, tokenizer: bytes, max_tokens: int) -> None:
        """Takes the bytes of a ``tokenizer.json``.

        Raises:
            ValueError: it is none.
        """
        self._definition = tokenizer
        self._max_tokens = max_tokens
        self._made: Tokenizer | None = None
        facts = json.loads(tokenizer)
        self._pieces = _Pieces(facts["model"]) if _is_word_table(facts) else None
        if self._pieces is None:
            self._library()

    def of(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, in order."""
        limit = self._max_tokens * CHARS_PER_TOKEN
        cut = [text[:limit] for text in texts]
        if self._pieces is None:
            return self._by_library(cut)
        pieces = self._pieces.__getitem__
        ids = []
        slow = []
        for row, text in enumerate(cut):
            if text.isascii():
                words = text.encode("ascii").translate(_TO_WORDS, _CONTROL).split()
                ids.append(list(islice(chain.from_iterable(map(pieces, words)), self._max_tokens)))
            else:
                slow.append(row)
                ids.append([])
        if slow:
            found = self._by_library([cut[row] for row in slow])
            for row, its in zip(slow, found, strict=True):
                ids[row] = its
        return ids

    def _by_library(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return [encoding.ids for encoding in self._library().encode_batch_fast(clean)]

    def _library(self) -> Tokenizer:
        if self._made is None:
            from tokenizers import Tokenizer

            try:
                self._made = Tokenizer.from_buffer(self._definition)
            except Exception as error:  # the library raises plain Exception
                raise ValueError(str(error)) from error
            self._made.no_padding()
            self._made.enable_truncation(self._max_tokens)
        return self._made


class _Pieces(dict[bytes, list[int]]):
    """Word → the ids of its word pieces, computed when first asked for.

    The longest piece that the vocabulary has is cut off, again and again; a word that cannot
    be cut whole is unknown (Wu et al., "Google's Neural Machine Translation System", 2016).
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        super().__init__()
        self._vocabulary: dict[str, int] = model["vocab"]
        self._prefix = str(model["continuing_subword_prefix"])
        self._longest = int(model["max_input_chars_per_word"])
        self._longest_piece = max(map(len, self._vocabulary))
        self._unknown = [self._vocabulary[model["unk_token"]]]

    def __missing__(self, word: bytes) -> list[int]:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        found = self._cut(word.decode("ascii"))
        self[word] = found
        return found

    def _cut(self, word: str) -> list[int]:
        if len(word) > self._longest:
            return self._unknown
        pieces = []
        rest, prefix = word, ""
        while rest:
            for end in range(min(len(rest), self._longest_piece), 0, -1):
                piece = self._vocabulary.get(prefix + rest[:end])
                if piece is not None:
                    pieces.append(piece)
                    rest, prefix = rest[end:], self._prefix
                    break
            else:
                return self._unknown
        return pieces


def _is_word_table(facts: Mapping[str, Any]) -> bool:
    """Whether the tokenizer does nothing but what `TokenIds.of` does to ASCII."""
    normalizer = facts.get("normalizer") or {}
    model = facts.get("model") or {}
    return (
        facts.get("pre_tokenizer") == SPLIT_AT_WORDS
        and facts.get("post_processor") is None
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("lowercase") is True
        and normalizer.get("clean_text") is True
        and model.get("type") == "WordPiece"
        and model.get("unk_token") in model.get("vocab", {})
        and not facts.get("added_tokens")
    )
