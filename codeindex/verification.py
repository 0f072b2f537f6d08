"""Catalog against backend: whether they hold the same, and are what was written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codeindex.catalog.catalog import Catalog
from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit, IndexBackend
from codeindex.vectors import Embeddings

SAMPLE = 256
"""Vectors that are searched for themselves."""

PAYLOADS = 32
"""Of these, those that are searched for among the snippets of their path and kind, too."""

_NEAREST = 8  # hits among which a vector is to find itself: equal ones are there, too
_MOST_TIED = 20_000
_TOLERANCE = 1e-3  # of a score


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
    """Searches for a spread sample of vectors: each is to find its own id, with its own score."""
    sample = ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE]
    present, vectors = catalog.vectors(encoder, dim, sample)
    if not present:
        return
    if not np.isfinite(vectors).all():
        report.problems.append("catalog: a vector holds NaN or infinity")
        return
    report.sampled = len(present)
    asked = _Sample(backend, present, vectors, catalog.payloads(present))
    lost = asked.not_found()
    by_payload = asked.rows[:: max(1, len(present) // PAYLOADS)][:PAYLOADS]
    strayed = [row for row in by_payload if row not in lost and not asked.finds_by_payload(row)]
    # An approximate search may miss what is there; among the snippets of one file it does not.
    wrong = [row for row in lost if not asked.finds_by_payload(row)]
    if wrong:
        report.problems.append(f"backend: {len(wrong)} of {len(present)} sampled vectors differ")
    if strayed:
        report.problems.append(
            f"backend: {len(strayed)} of {len(by_payload)} sampled vectors are not found by their"
            " path, language and kind"
        )


@dataclass(frozen=True, slots=True)
class _Sample:
    """Vectors (n, dim) of the catalog, with their ids and payloads, and a backend to ask."""

    backend: IndexBackend
    ids: Sequence[int]
    vectors: Embeddings
    payloads: Mapping[int, Payload]

    @property
    def rows(self) -> range:
        return range(len(self.ids))

    def not_found(self) -> list[int]:
        """Rows whose id is not among the best hits for its vector, or has another score."""
        answers = self.backend.search(self.vectors, _NEAREST, Filter())
        return [
            row for row, hits in zip(self.rows, answers, strict=True) if not self._in(row, hits)
        ]

    def finds_by_payload(self, row: int) -> bool:
        """Whether a search among the snippets with its path, language and kind finds a row."""
        payload, k = self.payloads[self.ids[row]], _NEAREST
        where = Filter((_exactly(payload.path),), (payload.language,), (payload.kind,))
        while True:
            (hits,) = self.backend.search(self.vectors[row : row + 1], k, where)
            if self._in(row, hits):
                return True
            # Others with the same score, as of the same text, may leave no place for it.
            if len(hits) < k or k > _MOST_TIED or hits[-1].score < self._own(row) - _TOLERANCE:
                return False
            k *= 4

    def _in(self, row: int, hits: Sequence[Hit]) -> bool:
        return any(
            hit.id == self.ids[row] and abs(hit.score - self._own(row)) <= _TOLERANCE
            for hit in hits
        )

    def _own(self, row: int) -> float:
        return float(self.vectors[row] @ self.vectors[row])


def _exactly(path: str) -> str:
    """A glob that matches this path only."""
    return "/" + re.sub(r"([*?[])", r"[\1]", path)
