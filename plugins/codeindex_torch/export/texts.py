"""The texts that an export is checked with: a file of pairs, or real code that every machine has.

By default they are docstrings and functions of Python's own standard library, found by the
extractors of the host. Nothing is fetched, and nothing of it is executed.
"""

from __future__ import annotations

import random
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeindex.errors import UsageError
from codeindex.host import Host
from codeindex.pairs.pair import Pair
from codeindex_torch.export.runner import Rows
from codeindex_torch.tokens import Tokens

MOST_PAIRS = 1_000
FEWEST_PAIRS = 20
_SHORT = 128  # tokens: a large model is checked on more texts rather than on longer ones
_LONG_EVERY = 16  # of which some are long, still
_CALIBRATION_PAIRS = 24
_TUNING_PAIRS = 48
_MODULES = (
    *("argparse", "asyncio", "calendar", "codecs", "collections", "concurrent", "configparser"),
    *("contextlib", "csv", "datetime", "difflib", "email", "fractions", "ftplib", "functools"),
    *("heapq", "http", "importlib", "inspect", "ipaddress", "json", "locale", "logging"),
    *("mailbox", "multiprocessing", "ntpath", "optparse", "os", "pathlib", "pickletools"),
    *("platform", "posixpath", "pprint", "random", "sched", "selectors", "shutil", "smtplib"),
    *("socket", "socketserver", "ssl", "statistics", "string", "subprocess", "tarfile"),
    *("tempfile", "textwrap", "threading", "traceback", "typing", "unittest", "urllib", "uuid"),
    *("venv", "warnings", "weakref", "wsgiref", "xml", "xmlrpc", "zipapp", "zipfile"),
)


@dataclass(frozen=True)
class CheckTexts:
    """Token ids of texts and of what answers them, row by row; three sets that share no pair.

    Attributes:
        queries, corpus: what is measured on.
        tuning_queries, tuning_corpus: what choices are made by.
        calibration_queries, calibration_corpus: what ranges are taken from.
        halves: the first half of each row of `corpus`: a query that needs no training.
        source: for people: where they are from.
    """

    queries: Rows
    corpus: Rows
    tuning: Mapping[str, Rows]
    calibration: Mapping[str, Rows]
    halves: Rows
    source: str


def standard_library_pairs(host: Host) -> list[Pair]:
    """Docstrings and functions of this Python's standard library.

    Raises:
        UsageError: its sources are not here, or no extractor reads Python.
    """
    from codeindex.pairs.mining import Miner, MiningCounts

    library = Path(sysconfig.get_path("stdlib"))
    paths = [library / f"{name}.py" for name in _MODULES] + [library / name for name in _MODULES]
    miner = Miner(host, jobs=1)
    found = list(miner.pairs([path for path in paths if path.exists()], MiningCounts()))
    if len(found) < 2 * FEWEST_PAIRS:
        raise UsageError(
            f"only {len(found)} documented functions were found in Python's standard library at"
            f" {library}; give a file of pairs to check with: --check-pairs FILE"
        )
    return found


def file_pairs(path: Path, say: Callable[[str], None]) -> list[Pair]:
    """The pairs of a file.

    Raises:
        NotFoundError, UsageError: see `read_pairs`; also if there are too few to tell.
    """
    from codeindex.pairs.reading import read_pairs

    found = read_pairs(path, say)
    if len(found) < FEWEST_PAIRS:
        raise UsageError(
            f"{path} holds {len(found)} pairs; a check needs at least {FEWEST_PAIRS}. Leave out"
            " --check-pairs to check with Python's standard library"
        )
    return found


def check_texts(
    pairs: Sequence[Pair],
    tokens: Tokens,
    prompts: Mapping[str, str],
    source: str,
    *,
    token_budget: int,
    limit: int = 0,
) -> CheckTexts:
    """Chooses among pairs, the same ones every time.

    Args:
        prompts: put before the texts, by role.
        token_budget: about how many tokens may be encoded in one pass over the pairs.
        limit: pairs at most; 0: as many as the budget allows, up to `MOST_PAIRS`.
    """
    shuffled = sorted(unlike(pairs), key=lambda pair: (pair.anchor, pair.positive))
    random.Random(0).shuffle(shuffled)  # noqa: S311 - the same choice every time
    spare = len(shuffled) >= 2 * (_CALIBRATION_PAIRS + _TUNING_PAIRS)
    first, second = _CALIBRATION_PAIRS, _CALIBRATION_PAIRS + _TUNING_PAIRS
    measured = shuffled[second:] if spare else shuffled
    encoder = _Encoder(tokens, prompts)
    queries, corpus = encoder.within(
        measured[: limit or MOST_PAIRS], token_budget, whole=bool(limit)
    )
    share = token_budget // 20
    return CheckTexts(
        queries,
        corpus,
        encoder.by_role(shuffled[first:second], share),
        encoder.by_role(shuffled[:first], share),
        [_half(row) for row in corpus],
        source,
    )


def unlike(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Pairs of which no two have a text in common: each query has one answer."""
    anchors: set[str] = set()
    positives: set[str] = set()
    for pair in pairs:
        if pair.anchor not in anchors and pair.positive not in positives:
            yield pair
        anchors.add(pair.anchor)
        positives.add(pair.positive)


class _Encoder:
    """Pairs → token ids."""

    def __init__(self, tokens: Tokens, prompts: Mapping[str, str]) -> None:
        self._long = tokens
        self._short = Tokens(tokens.definition, min(_SHORT, tokens.max_length), tokens.pad)
        self._prompts = prompts

    def within(
        self, pairs: Sequence[Pair], budget: int, *, whole: bool
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Whole texts if they fit, else short ones, mostly, and as many as fit."""
        queries, corpus = self._rows(pairs, "query"), self._rows(pairs, "corpus")
        if whole or sum(map(len, (*queries, *corpus))) <= budget:
            return queries, corpus
        short = self._rows(pairs, "query", short=True), self._rows(pairs, "corpus", short=True)
        taken = 0
        for row in range(len(pairs)):
            if row % _LONG_EVERY:
                queries[row], corpus[row] = short[0][row], short[1][row]
            taken += len(queries[row]) + len(corpus[row])
            if taken > budget and row >= FEWEST_PAIRS:
                return queries[: row + 1], corpus[: row + 1]
        return queries, corpus

    def by_role(self, pairs: Sequence[Pair], budget: int) -> dict[str, Rows]:
        queries, corpus = self.within(pairs, budget, whole=False)
        return {"query": queries, "corpus": corpus}

    def _rows(self, pairs: Sequence[Pair], role: str, *, short: bool = False) -> list[list[int]]:
        prompt = self._prompts.get(role, "")
        tokens = self._short if short else self._long
        texts = [pair.anchor if role == "query" else pair.positive for pair in pairs]
        return tokens.ids([prompt + text for text in texts])


def _half(row: Sequence[int]) -> list[int]:
    """The first half, with the token that ends it."""
    return [*row[: max(1, len(row) // 2)], *row[-1:]]
