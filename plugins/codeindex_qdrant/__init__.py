"""Plugin `qdrant`: backends `qdrant` (server or cluster) and `qdrant-edge` (embedded)."""

from __future__ import annotations

from collections.abc import Iterable

from codeindex.hookimpl import hookimpl
from codeindex.specs import BackendSpec
from codeindex_qdrant import edge_spec, server_spec


@hookimpl
def codeindex_backends() -> Iterable[BackendSpec]:
    """Both backends."""
    return [edge_spec.SPEC, server_spec.SPEC]
