"""Weights: what each half of the search and each signal is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from codeindex.ranking.paths import PathKind

SIGNALS_FITTED: Mapping[str, float] = MappingProxyType(
    {
        "definition": 0.4,
        "prefix": 0.1,
        "stem": 0.1,
        "coherence": 0.05,
        PathKind.TESTS: -0.8,
        PathKind.EXAMPLES: -0.3,
        # No package that the weights were fitted on has such files: as for examples.
        PathKind.VENDORED: -0.3,
        PathKind.GENERATED: -0.3,
        PathKind.STUB: -0.3,
        # These earn nothing beside the others; a fit on other questions may find that they do.
        "name": 0.0,
        PathKind.COMPAT: 0.0,
        PathKind.PACKAGE: 0.0,
    }
)


@dataclass(frozen=True, slots=True)
class Weights:
    """What is added up to a score.

    Fitted by ``python -m benchmarks.ranking`` with the encoder `fast`; the measured worth of each
    is in its results.

    Attributes:
        dense: share of the dense half in a hybrid score, 0…1; the rest is the lexical half's. An
            encoder may know better, see `EncoderInfo.dense_share`.
        dense_symbolic: the same where nothing but names of code is asked for.
        signals: what each signal adds at most; below 0 it takes away.
    """

    dense: float = 0.6
    dense_symbolic: float = 0.3
    signals: Mapping[str, float] = field(default_factory=lambda: SIGNALS_FITTED)
