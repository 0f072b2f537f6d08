"""MRR, NDCG and recall of ranked lists, query by query, as `ir-measures` computes them.

MacAvaney, Macdonald and Ounis, "Streamlining Evaluation with ir-measures" (2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from codeindex.errors import UsageError

METRICS = ("MRR", "NDCG@10", "Recall@1", "Recall@5", "Recall@10", "Recall@100")
"""MRR is over the whole list that was asked for, as deep as that is."""

_INSTALL = "pip install ir-measures"

Values = Mapping[str, npt.NDArray[np.float64]]
"""Metric → its value for each query, in the order of the queries."""


def check_installed() -> None:
    """Refuses, before any work, to go on without the library.

    Raises:
        UsageError: it is not installed; the message says how to get it.
    """
    try:
        import ir_measures  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"metrics need ir-measures ({error}); install it with: {_INSTALL}"
        ) from error


def metric_values(
    relevant: Mapping[str, Mapping[str, int]], ranked: Mapping[str, Sequence[str]]
) -> Values:
    """The values of all `METRICS`.

    Args:
        relevant: query → answer → grade. Answers that nothing can find count as missed.
        ranked: query → answers, best first, each once.
    """
    import ir_measures
    from ir_measures import RR, R, nDCG

    measures = dict(zip(METRICS, (RR, nDCG @ 10, R @ 1, R @ 5, R @ 10, R @ 100), strict=True))
    names = {measure: name for name, measure in measures.items()}
    rows = {query: row for row, query in enumerate(relevant)}
    # trec_eval orders by score; these fall by one from each answer to the next.
    run = {
        query: {answer: float(len(its) - place) for place, answer in enumerate(its)}
        for query, its in ranked.items()
    }
    values = {name: np.zeros(len(rows)) for name in METRICS}
    qrels = {query: dict(grades) for query, grades in relevant.items()}
    for found in ir_measures.iter_calc(list(names), qrels, run):
        values[names[found.measure]][rows[found.query_id]] = found.value
    return values
