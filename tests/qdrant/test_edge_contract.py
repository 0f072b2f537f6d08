"""The backend `qdrant-edge` keeps the contract of all backends, before and after optimizing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from codeindex.interfaces import IndexBackend
from codeindex.testing import BackendContract, PluginContract

pytest.importorskip("qdrant_edge")


class TestEdge(BackendContract):
    plugin = "codeindex_qdrant"
    name = "qdrant-edge"
