"""What chance can do: bootstrap intervals of a mean, and a randomisation test of a difference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_AT_ONCE = 2_000_000  # random numbers in memory


def bootstrap_interval(
    values: npt.NDArray[np.float64], *, level: float = 0.95, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron, 1979).

    Args:
        values: one a query, for example 1 / rank, or the difference of two systems.
    """
    generator = np.random.default_rng(seed)
    means = np.array(
        [values[generator.integers(0, len(values), len(values))].mean() for _ in range(rounds)]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def randomisation_p_value(
    differences: npt.NDArray[np.float64], *, rounds: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p-value of a mean difference, by approximate randomisation.

    Fisher's test with random instead of all assignments: under the null hypothesis the two
    systems' values of a query could as well stand the other way round (Smucker, Allan and
    Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation", 2007). The value is never 0: the assignment that was seen counts, too.

    Args:
        differences: one a query.
    """
    seen = abs(differences.sum()) * (1 - 1e-12)  # sums of the same numbers may round otherwise
    generator = np.random.default_rng(seed)
    as_far = 0
    step = max(1, _AT_ONCE // max(1, len(differences)))
    for start in range(0, rounds, step):
        size = (min(step, rounds - start), len(differences))
        signs = generator.integers(0, 2, size, dtype=np.int8) * 2 - 1  # (rounds, queries)
        as_far += int((np.abs(signs @ differences) >= seen).sum())
    return (as_far + 1) / (rounds + 1)
