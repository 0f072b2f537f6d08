"""Retrieval of encoders on the same questions, with intervals of what one is better by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.frame.functions import Pairs
from codeindex.evaluation import bootstrap_interval, first_ranks, retrieval
from codeindex.host import Host
from codeindex.pairs.reading import read_pairs

_DOCSTRING = re.compile(r"(\"{3}|'{3}).*?\1", re.DOTALL)


def held_out(path: Path) -> Pairs:
    """Docstrings that ask for the functions they were taken out of."""
    pairs = read_pairs(path)
    pool = list(dict.fromkeys(pair.positive for pair in pairs))
    places = {text: place for place, text in enumerate(pool)}
    wanted: dict[str, list[int]] = {}
    for pair in pairs:
        wanted.setdefault(pair.anchor, []).append(places[pair.positive])
    return Pairs(list(wanted), pool, list(wanted.values()))


def without_docstrings(functions: Sequence[str]) -> list[str]:
    """Functions as they are trained on, to know them again."""
    return [_DOCSTRING.sub("", text) for text in functions]


def ranks_of(
    encoder: str, options: Mapping[str, Any], asked: Mapping[str, Pairs]
) -> dict[str, npt.NDArray[np.int64]]:
    """The rank of the first right answer to each query, by question set."""
    host = Host.load()
    offer = host.encoders.get(encoder)
    made = host.make(offer, "encoder", options, offer.spec.make)
    return {
        name: first_ranks(
            made.encode_queries(pairs.queries), made.encode_corpus(pairs.corpus), pairs.relevant
        )
        for name, pairs in asked.items()
    }


def compared(
    before: npt.NDArray[np.int64], after: npt.NDArray[np.int64], pool: int
) -> dict[str, Any]:
    """Metrics of both, and the interval of the difference in MRR, query by query."""
    difference = 1 / after - 1 / before
    low, high = bootstrap_interval(difference)
    return {
        "before": retrieval(before, pool).as_json(),
        "after": retrieval(after, pool).as_json(),
        "mrr_difference": float(difference.mean()),
        "mrr_difference_interval_95": [low, high],
    }
