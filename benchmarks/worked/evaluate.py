"""Retrieval of encoders on the same questions, with intervals of what one is better by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codeindex.evaluation import bootstrap_interval, first_ranks, retrieval
from codeindex.host import Host
from codeindex.pairs.reading import read_pairs

_DOCSTRING = re.compile(r"(\"{3}|'{3}).*?\1", re.DOTALL)


@dataclass(frozen=True)
class Questions:
    """Queries over a pool.

    Attributes:
        relevant: of each query the places in `pool` that answer it.
    """

    name: str
    queries: list[str]
    pool: list[str]
    relevant: list[list[int]]


def of_pairs(path: Path, name: str) -> Questions:
    """Docstrings that ask for the functions they were taken out of."""
    pairs = read_pairs(path)
    pool = list(dict.fromkeys(pair.positive for pair in pairs))
    places = {text: place for place, text in enumerate(pool)}
    wanted: dict[str, list[int]] = {}
    for pair in pairs:
        wanted.setdefault(pair.anchor, []).append(places[pair.positive])
    return Questions(name, list(wanted), pool, list(wanted.values()))


def of_beir(folder: Path, name: str) -> Questions:
    """A folder with ``corpus.jsonl``, ``queries-dev.jsonl`` and ``qrels-dev.tsv``."""
    corpus = _jsonl(folder / "corpus.jsonl")
    places = {str(row["_id"]): place for place, row in enumerate(corpus)}
    texts = {str(row["_id"]): str(row["text"]) for row in _jsonl(folder / "queries-dev.jsonl")}
    wanted: dict[str, list[int]] = {}
    for line in (folder / "qrels-dev.tsv").read_text("utf-8").splitlines():
        query, document, *score = line.split("\t")
        if query in texts and document in places and score and score[-1] != "0":
            wanted.setdefault(query, []).append(places[document])
    return Questions(
        name,
        [texts[query] for query in wanted],
        [str(row["text"]) for row in corpus],
        list(wanted.values()),
    )


def code_of_beir(folder: Path) -> list[str]:
    """The functions of such a folder without their docstrings, to be kept out of training."""
    return [_DOCSTRING.sub("", str(row["text"])) for row in _jsonl(folder / "corpus.jsonl")]


def ranks_of(
    encoder: str, options: Mapping[str, Any], questions: Sequence[Questions]
) -> dict[str, npt.NDArray[np.int64]]:
    """The rank of the first right answer to each query, by question set."""
    host = Host.load()
    offer = host.encoders.get(encoder)
    made = host.make(offer, "encoder", options, offer.spec.make)
    return {
        asked.name: first_ranks(
            made.encode_queries(asked.queries), made.encode_corpus(asked.pool), asked.relevant
        )
        for asked in questions
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


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
