"""Pairs → those to train on and those to validate with, so that nothing is on both sides."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from codeindex.errors import UsageError
from codeindex.pairs.pair import Pair

SplitBy = Literal["paper", "file", "pair"]


@dataclass(frozen=True)
class Split:
    """Positions of pairs, in rising order.

    Attributes:
        train: trained on.
        validation: held out.
        left_out: in neither: a text of theirs is trained on, though they are from elsewhere
            (boilerplate, copies). With "pair" there are none.
    """

    train: list[int]
    validation: list[int]
    left_out: list[int] = field(default_factory=list)


def split_pairs(pairs: Sequence[Pair], *, train_share: float, seed: int, by: SplitBy) -> Split:
    """Splits at random, but keeps together what would give answers away.

    Args:
        pairs: at least two.
        train_share: between 0 and 1; met as nearly as the groups allow.
        seed: another seed, another split; the same, the same.
        by: "paper": pairs that share a paper or a repository, directly or over others, are on
            one side, and no text of the validation is trained on. "file": the same of files and
            of code; texts of papers may be on both sides. "pair": each pair by itself, as
            a plain random split does. What says not where it is from goes by its texts.

    Raises:
        UsageError: there is no such split; the message says what to do.
    """
    if not 0 < train_share < 1:
        raise UsageError(
            f"the share to train on must be more than 0 and less than 1, not {train_share:g}"
        )
    if len(pairs) < 2:
        raise UsageError(
            f"to train and to validate takes two pairs or more; there {_are(len(pairs))}"
        )
    groups = _groups([list(_origins(number, pair, by)) for number, pair in enumerate(pairs)])
    if len(groups) == 1:
        raise UsageError(_one_group(len(pairs), by))
    random.Random(seed).shuffle(groups)  # noqa: S311  (a split, not a secret)
    target = min(max(int(round(train_share * len(pairs), 6)), 1), len(pairs) - 1)
    train, held_out = _nearest(groups, target)
    validation, left_out = _unseen(pairs, train, held_out, by)
    if not validation:
        raise UsageError(
            f"each of the {len(left_out):,} pairs to validate with has a text that is trained on,"
            " under another name; take the copies out, or split them by chance: --split-by pair"
        )
    return Split(train, validation, left_out)


def _origins(number: int, pair: Pair, by: SplitBy) -> Iterator[tuple[str, str]]:
    """What the pair is from: pairs with one of these in common belong together."""
    if by == "pair":
        yield "pair", str(number)
        return
    known = False
    if by == "paper":
        for kind, name in (("paper", pair.paper), ("repository", pair.repository)):
            if name:
                known = True
                yield kind, name
    if not known and pair.file:
        known = True
        yield "file", pair.file
    if not known:
        yield "anchor", pair.anchor
        yield "positive", pair.positive


def _groups(origins: Iterable[Sequence[tuple[str, str]]]) -> list[list[int]]:
    """Positions that belong together, directly or over others (union-find), by their first."""
    parents: list[int] = []

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, names in enumerate(origins):
        parents.append(place)
        for name in names:
            one, other = root(place), root(first.setdefault(name, place))
            parents[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for place in range(len(parents)):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())


def _nearest(groups: Sequence[list[int]], target: int) -> tuple[list[int], list[int]]:
    """(Trained on, held out), with near to `target` positions in the first and none empty.

    Either side is filled up group by group, in their order, without going over its share; the
    better way is taken. One of the two leaves no side empty: if no group fits into one side's
    share, each is larger than that share, and then the other side has room for one.
    """
    total = sum(map(len, groups))
    train, rest = _filled(groups, target)
    held_out, others = _filled(groups, total - target)
    ways = [(train, rest), (others, held_out)]
    ways = [way for way in ways if way[0] and way[1]]
    best = min(ways, key=lambda way: abs(len(way[0]) - target))
    return sorted(best[0]), sorted(best[1])


def _filled(groups: Iterable[list[int]], room: int) -> tuple[list[int], list[int]]:
    inside: list[int] = []
    outside: list[int] = []
    for group in groups:
        (inside if len(inside) + len(group) <= room else outside).extend(group)
    return inside, outside


def _unseen(
    pairs: Sequence[Pair], train: Sequence[int], held_out: Sequence[int], by: SplitBy
) -> tuple[list[int], list[int]]:
    """Those held out that have no text in common with what is trained on, and the others."""
    if by == "pair":
        return list(held_out), []
    codes = {pairs[place].positive for place in train}
    anchors = {pairs[place].anchor for place in train} if by == "paper" else set()
    unseen: list[int] = []
    seen: list[int] = []
    for place in held_out:
        known = pairs[place].positive in codes or pairs[place].anchor in anchors
        (seen if known else unseen).append(place)
    return unseen, seen


def _are(pairs: int) -> str:
    return "is one" if pairs == 1 else "is none"


def _one_group(pairs: int, by: SplitBy) -> str:
    if by == "paper":
        what = "the papers and repositories of all {:,} pairs are connected"
        remedy = "split by file (--split-by file) or at random (--split-by pair)"
    else:
        what = "all {:,} pairs are of one file"
        remedy = "split at random: --split-by pair"
    return f"{what.format(pairs)}, so that none can be held out; {remedy}"
