"""Some bytes of a small index flipped in turn; ``benchmarks run damage`` takes them all."""

from __future__ import annotations

import pytest

from benchmarks.damage import BACKENDS, failures, made
from benchmarks.reliability.flipping import SAME, TOLD, WRONG, Flip, flips, outcomes, worth_flipping
from benchmarks.reliability.toy import tiny_tree
from codeindex.location import CATALOG

IN_CATALOG, IN_BACKEND = 60, 16


def some(path, name, number, **how):
    offsets = worth_flipping(path.read_bytes(), 61)
    return flips(name, offsets[3 :: max(1, len(offsets) // number)], repair_every=8, **how)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_flipped_byte_is_told_or_harmless(tmp_path, name):
    tiny_tree(tmp_path / "tree")
    index = made(tmp_path, name)
    wanted = []
    if name == next(iter(BACKENDS)):
        wanted += some(index / CATALOG, CATALOG, IN_CATALOG, keep_time=False)
    for path in sorted((index / "backend").rglob("*")):
        if path.is_file():
            for keep_time in (False, True):
                file = str(path.relative_to(index))
                wanted += some(path, file, IN_BACKEND, keep_time=keep_time)
    results = outcomes(index, tmp_path / "damaged", wanted, 1)
    assert len(results) == len(wanted)
    found = [(flip, failure) for flip, outcome in results for failure in failures(flip, outcome)]
    assert found == []
    told = sum(outcome["verify"] == TOLD for _, outcome in results)
    assert told > len(wanted) / 3


CATALOG_FLIP = Flip(CATALOG, 7, 0)
BACKEND_FLIP = Flip("backend/faiss-1/base", 7, 0)
ROT = Flip("backend/faiss-1/base", 7, 0, keep_time=True)


@pytest.mark.parametrize(
    ("flip", "outcome", "number"),
    [
        (CATALOG_FLIP, {"verify": SAME, "search": SAME, "list": SAME}, 0),
        (CATALOG_FLIP, {"verify": TOLD, "search": SAME, "list": TOLD, "repair": TOLD}, 0),
        (CATALOG_FLIP, {"verify": TOLD, "search": WRONG, "list": SAME}, 1),
        (CATALOG_FLIP, {"verify": SAME, "search": SAME, "list": WRONG, "repair": WRONG}, 2),
        (CATALOG_FLIP, {"verify": "KeyError: 'x'", "search": SAME, "list": SAME}, 1),
        (CATALOG_FLIP, {"crash": "after nothing: it ended with -11"}, 1),
        (BACKEND_FLIP, {"verify": SAME, "search": SAME, "list": SAME}, 1),
        (BACKEND_FLIP, {"verify": TOLD, "search": TOLD, "list": SAME, "repair": TOLD}, 1),
        (BACKEND_FLIP, {"verify": TOLD, "crash": "after verify: it ended with -6"}, 1),
        (ROT, {"verify": TOLD, "search": WRONG, "list": SAME, "repair": SAME}, 0),
        (ROT, {"verify": SAME, "search": SAME, "list": SAME}, 1),
        (ROT, {"crash": "after nothing: it ended with -11"}, 1),
    ],
)
def test_what_counts_as_a_failure(flip, outcome, number):
    assert len(list(failures(flip, outcome))) == number
