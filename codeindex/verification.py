"""Catalog against backend: whether they hold the same, and are what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codeindex.catalog.catalog import Catalog
from codeindex.filters import Filter
from codeindex.interfaces import IndexBackend
from codeindex.vectors import Embeddings

SAMPLE = 256
"""Vectors that are searched for themselves."""

_TOLERANCE = 1e-3


@dataclass(slots=True)
class Verification:
    """What was checked, and what is wrong.

    Attributes:
        snippets: in the catalog.
        vectors: in the backend.
        sampled: vectors that were searched for themselves.
        problems: one line each; empty means that all is well.
        repaired: what was done about them.
    """

    snippets: int = 0
    vectors: int = 0
    sampled: int = 0
    problems: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong (any more)."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "ok": self.ok,
            "snippets": self.snippets,
            "vectors": self.vectors,
            "sampled": self.sampled,
            "problems": self.problems,
            "repaired": self.repaired,
        }


def check_backend(
    catalog: Catalog, backend: IndexBackend, encoder: int, dim: int, report: Verification
) -> None:
    """Adds to `report` how the backend differs from the catalog."""
    wanted, held = catalog.snippet_ids(), backend.ids()
    report.snippets, report.vectors = len(wanted), len(held)
    if len(held) != len(set(held)):
        report.problems.append(f"backend: {len(held) - len(set(held))} ids are there twice")
    missing, extra = set(wanted) - set(held), set(held) - set(wanted)
    if missing:
        report.problems.append(f"backend: {len(missing)} snippets have no vector in it")
    if extra:
        report.problems.append(f"backend: {len(extra)} vectors belong to no snippet")
    _check_vectors(catalog, backend, encoder, dim, wanted, report)


def check_catalog(catalog: Catalog, encoder: int, dim: int, report: Verification) -> None:
    """Adds to `report` what is wrong with the catalog itself."""
    report.problems.extend(catalog.problems())
    lacking = catalog.snippets_without_vector(encoder, dim)
    if lacking:
        report.problems.append(f"catalog: {len(lacking)} snippets were never embedded")
    pending = catalog.count("outbox")
    if pending:
        report.problems.append(f"catalog: {pending} changes have not reached the backend")


def _check_vectors(
    catalog: Catalog,
    backend: IndexBackend,
    encoder: int,
    dim: int,
    ids: Sequence[int],
    report: Verification,
) -> None:
    """Searches for a spread sample of vectors: the best score must be that of itself."""
    sample = ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE]
    present, vectors = catalog.vectors(encoder, dim, sample)
    if not present:
        return
    if not np.isfinite(vectors).all():
        report.problems.append("catalog: a vector holds NaN or infinity")
        return
    report.sampled = len(present)
    wrong = _wrong_answers(backend, vectors)
    if wrong:
        report.problems.append(f"backend: {wrong} of {len(present)} sampled vectors differ")


def _wrong_answers(backend: IndexBackend, vectors: Embeddings) -> int:
    answers = backend.search(vectors, 1, Filter())
    own = np.einsum("nd,nd->n", vectors, vectors)  # (n,)
    best = np.array([hits[0].score if hits else -np.inf for hits in answers])
    return int((np.abs(best - own) > _TOLERANCE).sum())
