"""Pairs as numbers: token ids, and keys that say which pairs must not be negatives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from codeindex.pairs import Pair
from codeindex_torch.tokens import Tokens

Ids = list[list[int]]


@dataclass(frozen=True)
class PairKeys:
    """What two pairs may have in common; equal numbers mean the same thing, 0 that there is none.

    Attributes:
        shared: int64 (pairs, kinds): paper, file (with the function, where the pair is of one),
            anchor text, positive text.
        positive: int64 (pairs,): the text of the positive.
    """

    shared: Tensor
    positive: Tensor

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> PairKeys:
        """Of each pair."""
        rows = [[_key(p.paper), _key(_place(p)), _key(p.anchor), _key(p.positive)] for p in pairs]
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


def _place(pair: Pair) -> str:
    """The file of the positive; two functions of one file are two positives."""
    function = str(pair.metadata.get("function_name") or "")
    return f"{pair.file}:{function}" if pair.file and function else pair.file


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
        anchors, positives: token ids of each pair.
        negatives: token ids of each pair's hard negatives.
        negative_keys: int64 digests of those texts, a tensor a pair.
    """

    anchors: Ids
    positives: Ids
    negatives: list[Ids]
    negative_keys: list[Tensor]
    keys: PairKeys

    def __len__(self) -> int:
        return len(self.anchors)

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], tokens: Tokens, prompts: Sequence[str] = ("", "")
    ) -> Encoded:
        """Tokenises pairs.

        Args:
            prompts: what is put before anchors and before positives.
        """
        ask, search = prompts
        flat = [search + text for pair in pairs for text in pair.negatives]
        ids = iter(tokens.ids(flat)) if flat else iter(())
        return cls(
            tokens.ids([ask + pair.anchor for pair in pairs]),
            tokens.ids([search + pair.positive for pair in pairs]),
            [[next(ids) for _ in pair.negatives] for pair in pairs],
            [text_keys(pair.negatives) for pair in pairs],
            PairKeys.of(pairs),
        )
