"""What a cross-encoder is checked with: queries, each with the text it belongs to and others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from codeindex.joint_tokens import JointRow
from codeindex.pairs.pair import Pair
from codeindex.words import query_words
from codeindex_torch.cross_encoder.loading import LoadedCrossEncoder
from codeindex_torch.export.texts import unlike

CANDIDATES = 10
_ALIKE = 6  # of them: those that share the most words; the others are any
_POOL = 300
_MOST, _FEWEST = 100, 20  # queries
_SHORT = 128  # tokens: a large model is checked on more texts rather than on longer ones
_LONG_EVERY = 16  # of which some are long, still
_CALIBRATION, _TUNING = 4, 8  # queries


@dataclass(frozen=True)
class CheckRows:
    """Tokens of queries with their candidates; three sets that share no query if there are many.

    Attributes:
        measured: a query after the other, each with as many `candidates`, its own text first.
        tuning: what choices are made by. calibration: what ranges are taken from.
    """

    measured: list[JointRow]
    tuning: list[JointRow]
    calibration: list[JointRow]
    candidates: int


def check_rows(
    pairs: Sequence[Pair], model: LoadedCrossEncoder, token_budget: int, limit: int = 0
) -> CheckRows:
    """Chooses among pairs, the same ones every time.

    Args:
        token_budget: about how many tokens may be read in one pass.
        limit: queries at most; 0: as many as the budget allows, up to 100.
    """
    chosen = sorted(unlike(pairs), key=lambda pair: (pair.anchor, pair.positive))
    random.Random(0).shuffle(chosen)  # noqa: S311 - the same choice every time
    pool = chosen[:_POOL]
    size = min(CANDIDATES, len(pool))
    words = [frozenset(query_words(pair.positive)) for pair in pool]
    long, short = model.tokens(model.max_length), model.tokens(min(_SHORT, model.max_length))
    groups: list[list[JointRow]] = []
    taken = 0
    for number in range(min(len(pool), limit or _MOST)):
        texts = [pool[place].positive for place in _candidates(number, pool, words, size)]
        tokens = short if number % _LONG_EVERY else long
        groups.append(tokens.of(pool[number].anchor, texts))
        taken += sum(map(len, groups[-1]))
        if taken > token_budget and not limit and len(groups) >= _FEWEST:
            break
    spare = len(groups) >= 2 * (_CALIBRATION + _TUNING)
    first, second = _CALIBRATION, _CALIBRATION + _TUNING
    return CheckRows(
        _flat(groups[second:] if spare else groups),
        _flat(groups[first:second]),
        _flat(groups[:first]),
        size,
    )


def _candidates(
    number: int, pool: Sequence[Pair], words: Sequence[frozenset[str]], size: int
) -> list[int]:
    """The text of the query, those that share the most words with it, and some others."""
    asked = frozenset(query_words(pool[number].anchor))
    others = [place for place in range(len(pool)) if place != number]
    others.sort(key=lambda place: (-len(asked & words[place]), place))
    alike, rest = others[: min(_ALIKE, size - 1)], others[_ALIKE:]
    any_of = random.Random(number).sample(rest, size - 1 - len(alike))  # noqa: S311
    return [number, *alike, *any_of]


def _flat(groups: Sequence[Sequence[JointRow]]) -> list[JointRow]:
    return [row for group in groups for row in group]
