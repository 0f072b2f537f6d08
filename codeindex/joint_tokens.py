"""Query and text as one row of tokens, as cross-encoders read them: in export and in serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

CHARS_PER_TOKEN = 16
"""Both are cut to this many characters for each token that is read, before they are tokenised."""

JointRow = Sequence[tuple[int, int]]
"""Of each token its id and which of the two it is from, as the tokenizer has it."""


class JointTokens:
    """Puts query and text together, at most `max_tokens`, special ones included.

    The text is cut where both are too long. Of the query at most half the window is read: a
    longer one would leave no room for what is to be judged.
    """

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        """Takes a tokenizer of the library `tokenizers`, which is set not to cut and not to pad.

        Raises:
            ValueError: there is no room for a pair.
        """
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._room = max_tokens - int(tokenizer.num_special_tokens_to_add(True))
        if self._room < 2:
            raise ValueError(f"{max_tokens} tokens have no room for a query and a text")
        self._chars = max_tokens * CHARS_PER_TOKEN

    def of(self, query: str, texts: Sequence[str]) -> list[JointRow]:
        """The query with each text, in order."""
        first, *others = self._tokenizer.encode_batch(
            [_clean(text[: self._chars]) for text in (query, *texts)], add_special_tokens=False
        )
        first.truncate(self._room // 2)
        left = self._room - len(first.ids)
        rows: list[JointRow] = []
        for text in others:
            text.truncate(left)
            pair = self._tokenizer.post_process(first, text, add_special_tokens=True)
            rows.append(list(zip(pair.ids, pair.type_ids, strict=True)))
        return rows


def padded(rows: Sequence[JointRow]) -> dict[str, npt.NDArray[np.int64]]:
    """``input_ids``, ``attention_mask`` and ``token_type_ids``, each (rows, longest)."""
    shape = len(rows), max(1, max(map(len, rows)))
    ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for number, row in enumerate(rows):
        if row:
            ids[number, : len(row)], types[number, : len(row)] = zip(*row, strict=True)
        mask[number, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def _clean(text: str) -> str:
    """Without what cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()
