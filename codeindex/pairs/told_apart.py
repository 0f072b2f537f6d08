"""What pairs teach and what scores on them mean: which pairs are no negatives of each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from codeindex.pairs.pair import Pair

FEW_QUERIES = 20
"""Fewer queries than these say little of a model: one of them moves a score by 5 points."""


def names_of(pair: Pair) -> tuple[str, str, str, str]:
    """Paper, file (with the function, where the pair is of one), anchor, positive; empty: none.

    Two pairs with one of these in common may answer each other: neither is a negative of the
    other. Two functions of one file are two positives.
    """
    function = str(pair.metadata.get("function_name") or "")
    file = f"{pair.file}:{function}" if pair.file and function else pair.file
    return pair.paper, file, pair.anchor, pair.positive


def nothing_to_tell_apart(pairs: Sequence[Pair], *, with_own: bool = True) -> bool:
    """Whether no pair is a negative of another, nor has hard negatives of its own.

    The loss of such pairs is 0 whatever the model is.

    Args:
        with_own: whether the hard negatives of the pairs are used.
    """
    if with_own and any(pair.negatives for pair in pairs):
        return False
    names = [tuple(" ".join(name.split()) for name in names_of(pair)) for pair in pairs]
    if any(kind[0] and len(set(kind)) == 1 for kind in zip(*names, strict=True)):
        return True  # what the search below would take all combinations to find
    return all(
        any(own and own == its for own, its in zip(one, other, strict=True))
        for one, other in combinations(names, 2)
    )


def why_nothing(pairs: Sequence[Pair]) -> str:
    """What `nothing_to_tell_apart` means for these pairs, and what to do."""
    papers = {pair.paper for pair in pairs}
    what = "of one paper" if len(papers) == 1 and papers != {""} else "of one paper, file or text"
    return (
        f"all {len(pairs):,} pairs to train on are {what}: none is a negative of another, so that"
        " there is nothing to tell apart. Collect more papers, split each pair by itself"
        " (--split-by pair) if the others are in the validation, or use hard negatives of"
        " the file"
    )


def few_queries(held_out: Sequence[Pair]) -> str:
    """A line that says so if the pairs to validate with are few queries; else empty."""
    queries = len({pair.anchor for pair in held_out})
    if queries >= FEW_QUERIES:
        return ""
    are = "is 1 query" if queries == 1 else f"are only {queries} queries"
    return f"there {are} to validate with: its scores mean little"
