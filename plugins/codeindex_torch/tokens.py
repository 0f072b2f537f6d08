"""Texts → token ids → padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

CHARS_PER_TOKEN = 16
"""A text is cut to this many characters for each token that is read, before it is tokenised."""


class Tokens:
    """The tokenizer of a model: cuts texts to `max_length` tokens, special ones included."""

    def __init__(self, definition: str, max_length: int, pad: int) -> None:
        """Takes the text of a ``tokenizer.json``.

        Args:
            pad: the id that fills up short rows.
        """
        self.definition = definition
        self.max_length = max_length
        self.pad = pad
        self._tokenizer: Any = Tokenizer.from_str(definition)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, in order."""
        limit = self.max_length * CHARS_PER_TOKEN
        clean = [text[:limit].encode("utf-8", "replace").decode() for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(clean)]

    def padded(self, rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
        """Ids and mask, both (rows, longest) int64; an empty row has one that counts not."""
        longest = max(1, max(map(len, rows)))
        ids = torch.full((len(rows), longest), self.pad, dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row, dtype=torch.long)
            mask[number, : len(row)] = 1
        return ids.to(device), mask.to(device)
