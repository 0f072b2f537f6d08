"""The backend `qdrant-edge` keeps the contract of all backends, before and after optimizing."""

from __future__ import annotations

import pytest

from codeindex.testing import BackendContract

pytest.importorskip("qdrant_edge")


class TestEdge(BackendContract):
    plugin = "codeindex_qdrant"
    name = "qdrant-edge"


class Optimized(BackendContract):
    """Every vector is in the graph; so few are compared with all the same."""

    plugin = "codeindex_qdrant"
    name = "qdrant-edge"

    def _filled(self, folder):
        backend, rows = super()._filled(folder)
        backend.optimize()
        facts = backend.facts()
        assert facts["type"] == "hnsw"
        assert facts["indexed_points"] == facts["points"] == self.number
        return backend, rows


class ByGraph(Optimized):
    """The graph answers, also where a filter leaves a handful."""

    options = {"exact_below": 1, "exact_filtered": 0}
    recall = 0.98


@pytest.mark.parametrize(
    ("suite", "promise"),
    [
        (Optimized, "test_scores_are_inner_products_best_first"),
        (Optimized, "test_queries_together_are_answered_as_alone"),
        (Optimized, "test_filters_are_exact"),
        (Optimized, "test_closed_and_opened_again_it_is_the_same"),
        (ByGraph, "test_the_nearest_are_found"),
        (ByGraph, "test_filters_are_exact"),
    ],
)
def test_promises_hold_after_optimizing(suite, promise, tmp_path):
    getattr(suite(), promise)(tmp_path)
