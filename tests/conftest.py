"""Fixtures: a host with toy plugins, and a tree of text files to index."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from toys import ToyPlugin

from codeindex import Host, Index

# No test depends on how fast the machine is at the moment.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    """No test sees the user's settings, index or configuration file."""
    for name in ("CODEINDEX_INDEX", "CODEINDEX_PLUGINS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def toys() -> ToyPlugin:
    return ToyPlugin()


@pytest.fixture
def host(toys) -> Host:
    host = Host()
    host.register(toys, "toys", "toy-distribution")
    assert not host.broken
    return host


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "fruit.txt").write_text("apple red sweet\n\nbanana yellow long\n")
    (root / "tools.txt").write_text("hammer heavy iron\n\nsaw sharp teeth\n")
    return root


@pytest.fixture
def opened(tree, host):
    with Index.open(tree, create=True, host=host) as index:
        yield index
