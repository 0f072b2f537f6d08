"""Pairs as numbers: token ids, and keys that say which pairs must not be negatives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codeindex.pairs import Pair
from codeindex.pairs.told_apart import names_of
from codeindex_torch.tokens import Tokens

TEXTS_PER_ROUND = 4096
"""Texts that are tokenised together: what the tokenizer says of a text is far larger than it."""


@dataclass(frozen=True)
class TokenRows:
    """Token ids of many texts, in one array.

    Attributes:
        values: int32, the ids of all texts, one after the other.
        ends: int64 (texts + 1,): text n has the values from ``ends[n]`` to ``ends[n + 1]``.
    """

    values: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, text: int) -> list[int]:
        found: list[int] = self.values[self.ends[text] : self.ends[text + 1]].tolist()
        return found

    @classmethod
    def of(cls, tokens: Tokens, texts: Sequence[str], prompt: str = "") -> TokenRows:
        """Tokenises texts, each after `prompt`."""
        parts: list[npt.NDArray[np.int32]] = []
        lengths: list[int] = [0]
        for start in range(0, len(texts), TEXTS_PER_ROUND):
            rows = tokens.ids([prompt + text for text in texts[start : start + TEXTS_PER_ROUND]])
            lengths += map(len, rows)
            parts.append(np.fromiter(chain.from_iterable(rows), dtype=np.int32))
        values = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return cls(values, np.cumsum(lengths, dtype=np.int64))


@dataclass(frozen=True)
class PairKeys:
    """What two pairs may have in common; equal numbers mean the same thing, 0 that there is none.

    Attributes:
        shared: int64 (pairs, 4): of each of `names_of`.
        positive: int64 (pairs,): the text of the positive.
    """

    shared: Tensor
    positive: Tensor

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> PairKeys:
        """Of each pair."""
        rows = [[_key(name) for name in names_of(pair)] for pair in pairs]
        shared = torch.tensor(rows, dtype=torch.int64).reshape(len(rows), 4)
        return cls(shared, shared[:, 3])

    def at(self, rows: Sequence[int]) -> PairKeys:
        """Those of some pairs."""
        return PairKeys(self.shared[list(rows)], self.positive[list(rows)])

    def conflicts(self, other: PairKeys) -> Tensor:
        """bool (own, other): whether two pairs have something in common."""
        same = self.shared[:, None, :] == other.shared[None, :, :]  # (own, other, kinds)
        return (same & (self.shared[:, None, :] != 0)).any(dim=-1)


def text_keys(texts: Sequence[str]) -> Tensor:
    """int64 (texts,): equal for equal texts."""
    return torch.tensor([_key(text) for text in texts], dtype=torch.int64)


def _key(text: str) -> int:
    """A signed 64-bit digest of a text without its outer and doubled spaces; 0 for none."""
    words = " ".join(text.split())
    if not words:
        return 0
    digest = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


@dataclass(frozen=True)
class Encoded:
    """Tokenised pairs.

    Attributes:
        anchors, positives: of each pair.
        negatives: the hard negatives of all pairs; pair n has those from
            ``negative_ends[n]`` to ``negative_ends[n + 1]``.
        negative_keys: int64, a digest of each of those texts.
        repositories: int64 (pairs,): equal for pairs of one repository.
    """

    anchors: TokenRows
    positives: TokenRows
    negatives: TokenRows
    negative_ends: Sequence[int]
    negative_keys: Tensor
    keys: PairKeys
    repositories: Tensor

    def __len__(self) -> int:
        return len(self.anchors)

    def negatives_of(self, batch: Sequence[int]) -> list[int]:
        """The places of the hard negatives of some pairs, in their order."""
        ends = self.negative_ends
        return [place for pair in batch for place in range(ends[pair], ends[pair + 1])]

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], tokens: Tokens, prompts: Sequence[str] = ("", "")
    ) -> Encoded:
        """Tokenises pairs.

        Args:
            prompts: what is put before anchors and before positives.
        """
        ask, search = prompts
        negatives = [text for pair in pairs for text in pair.negatives]
        return cls(
            TokenRows.of(tokens, [pair.anchor for pair in pairs], ask),
            TokenRows.of(tokens, [pair.positive for pair in pairs], search),
            TokenRows.of(tokens, negatives, search),
            [0, *accumulate(len(pair.negatives) for pair in pairs)],
            text_keys(negatives),
            PairKeys.of(pairs),
            text_keys([pair.repository for pair in pairs]),
        )
