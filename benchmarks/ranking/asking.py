"""What both halves find for every question, kept in memory: weights are tried on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from benchmarks.ranking.stripped import Asked
from codeindex import Host, Index
from codeindex.encoding import make_encoder
from codeindex.filters import Filter
from codeindex.ranking.corpus import IndexCorpus
from codeindex.ranking.gathering import Found, gathered
from codeindex.ranking.mode import Mode


@dataclass(frozen=True, slots=True)
class Case:
    """A question to a package, and what was found for it.

    Attributes:
        asked: the question; without answers where another package was to be asked.
        found: candidates of both halves, without what is bound to the open index.
        matched: id of a candidate → how much of the question its words are, by rarity.
    """

    package: str
    asked: Asked
    found: Found
    matched: Mapping[int, float]


@cache
def _fingerprint(encoder: str) -> str:
    return make_encoder(Host.load(), encoder, {}).info.fingerprint


def cases(
    package: str, tree: Path, index: Path, asked: Sequence[Asked], count: int, encoder: str = "fast"
) -> list[Case]:
    """Asks an index of `tree` for `count` of each half.

    It is made if it is not there: in `index`, with what tells the encoder from older ones.
    """
    index = index.with_name(f"{index.name}-{_fingerprint(encoder)[:8]}")
    with Index.open(tree, index=index, create=True, encoder=encoder) as opened:
        if not index.exists():
            opened.update()
        corpus = IndexCorpus(opened._store)
        texts = [one.query for one in asked]
        found = gathered(texts, corpus, opened.encoder, Mode.HYBRID, count, Filter())
        return [_case(package, *pair) for pair in zip(asked, found, strict=True)]


def _case(package: str, asked: Asked, found: Found) -> Case:
    assert found.lexical is not None
    matched = {
        candidate.id: found.query.share(frozenset(found.lexical.parts(candidate.id)))
        for candidate in found.candidates
    }
    return Case(package, asked, replace(found, lexical=None), matched)
