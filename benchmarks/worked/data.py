"""Pairs to train on and pairs to measure on, with nothing in common."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.frame.process import codeindex, run
from benchmarks.worked.packages import fetch, read_list
from codeindex.pairs import Pair
from codeindex.pairs.near_duplicates import NearDuplicates
from codeindex.pairs.reading import read_pairs
from codeindex.pairs.writing import as_row, write_rows

SEED = 7
TEXTS = ("index", "code")
"""Half of the functions as an index embeds them, with path and name, half as bare code."""

MOST_OF_A_PACKAGE = 200


def make_data(
    cache: Path, kept_apart: Iterable[str] = (), *, quick: bool = False
) -> dict[str, int]:
    """Writes ``train.jsonl`` and ``held_out.jsonl`` into `cache`; how many of what.

    The packages that are measured on are mined first: what is nearly the same in another
    package counts as met before, and is left out there.

    Args:
        kept_apart: code of other test sets that must not be trained on either.
    """
    held_out = read_list("held_out.txt")
    trained_on = read_list("trained_on.txt")[: 4 if quick else None]
    folders = fetch([*held_out, *trained_on], cache)
    names = {package.name for package in held_out}
    mined = {}
    for text in TEXTS:
        target = cache / f"mined_{text}{'_quick' if quick else ''}.jsonl"
        if not target.exists():
            run(codeindex("pairs", "code", *folders, "--text", text, "-o", target))
        mined[text] = read_pairs(target)
    measured = [pair for pair in mined["index"] if pair.metadata["repo_name"] in names]
    others = {
        text: [pair for pair in pairs if pair.metadata["repo_name"] not in names]
        for text, pairs in mined.items()
    }
    chosen = _alternating(others)
    anchors = {_plain(pair.anchor) for pair in measured}
    apart = [pair for pair in chosen if _plain(pair.anchor) not in anchors]
    clean = _without(apart, kept_apart)
    write_rows((as_row(pair) for pair in _capped(clean)), cache / "train.jsonl")
    write_rows((as_row(pair) for pair in measured), cache / "held_out.jsonl")
    return {
        "mined": len(chosen),
        "same_question_as_held_out": len(chosen) - len(apart),
        "near_duplicates_of_kept_apart_or_of_each_other": len(apart) - len(clean),
        "train": len(_capped(clean)),
        "held_out": len(measured),
        "packages_trained_on": len(trained_on),
        "packages_held_out": len(held_out),
    }


def _alternating(mined: dict[str, list[Pair]]) -> list[Pair]:
    """Each function once, every second one in the second form of its text."""
    second = {_place(pair): pair for pair in mined[TEXTS[1]]}
    return [
        second.get(_place(pair), pair) if number % 2 else pair
        for number, pair in enumerate(mined[TEXTS[0]])
    ]


def _place(pair: Pair) -> str:
    return json.dumps([pair.file, pair.metadata["function_name"], pair.metadata["line_numbers"]])


def _without(pairs: Sequence[Pair], kept_apart: Iterable[str]) -> list[Pair]:
    """Without what is nearly the same as code that is kept apart."""
    known = NearDuplicates(0.6)
    found = False
    for code in kept_apart:
        known.is_new(code)
        found = True
    # `is_new` remembers what it is asked; pairs are not near to each other, so that does no harm.
    return [pair for pair in pairs if known.is_new(pair.positive)] if found else list(pairs)


def _capped(pairs: Sequence[Pair]) -> list[Pair]:
    """At most so many of each package, drawn by a fixed seed."""
    by_package: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_package[str(pair.metadata["repo_name"])].append(pair)
    generator = random.Random(SEED)  # noqa: S311 - no secret
    chosen = []
    for name in sorted(by_package):
        its = by_package[name]
        generator.shuffle(its)
        chosen += its[:MOST_OF_A_PACKAGE]
    generator.shuffle(chosen)
    return chosen


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
