"""Fitting: coordinate search over the weights, one after the other, as long as one helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks.ranking.tried import Tried, means
from codeindex.ranking.paths import PathKind
from codeindex.ranking.weights import Weights

_SHARES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
_PENALTIES = (0.0, -0.1, -0.2, -0.3, -0.4, -0.6, -0.8)
STEPS: Mapping[str, Sequence[float]] = {
    "dense": _SHARES,
    "dense_symbolic": (0.1, 0.2, *_SHARES),
    "definition": (0.0, 0.2, 0.4, 0.6),
    "prefix": (0.0, 0.1, 0.2, 0.3),
    "name": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    "stem": (0.0, 0.05, 0.1, 0.2, 0.3),
    "coherence": (0.0, 0.05, 0.1, 0.15, 0.2),
    **dict.fromkeys(PathKind, _PENALTIES),
}
_LEAST_GAIN = 1e-4
"""What gains less keeps its weight: signals that the questions say nothing of are not fitted."""


def worth(documented: Sequence[Tried], asked: Sequence[Tried], weights: Weights) -> float:
    """What is made as large as can be: half of it questions about repositories, at file level,
    half docstrings, mostly at the level of functions."""
    snippets, files = means(documented, weights)
    return 0.3 * snippets + 0.2 * files + 0.5 * means(asked, weights)[1]


def fitted(
    documented: Sequence[Tried],
    asked: Sequence[Tried],
    start: Weights,
    told: Callable[[str], None],
    rounds: int = 3,
) -> Weights:
    """The best weights found.

    Args:
        told: is given a line for every weight that changes.
    """
    weights, best = start, worth(documented, asked, start)
    for _ in range(rounds):
        before = best
        for name, values in STEPS.items():
            for value in values:
                other = with_weight(weights, name, value)
                reached = worth(documented, asked, other)
                if reached > best + _LEAST_GAIN:
                    weights, best = other, reached
                    told(f"{name} {value}: {best:.4f}")
        if best == before:
            break
    return weights


def with_weight(weights: Weights, name: str, value: float) -> Weights:
    """The same with one weight another."""
    if name == "dense":
        return replace(weights, dense=value)
    if name == "dense_symbolic":
        return replace(weights, dense_symbolic=value)
    return replace(weights, signals={**weights.signals, name: value})
