"""Fixtures of the tests on the double: a server, and an index of text files kept on it."""

from __future__ import annotations

import pytest
from double import Double

import codeindex_qdrant
from codeindex import Index


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """The pauses between tries, which are noted and not taken."""
    taken: list[float] = []
    monkeypatch.setattr("codeindex_qdrant.server.connection.pause", taken.append)
    return taken


@pytest.fixture
def server(pauses):
    """A server without faults."""
    with Double() as double:
        yield double


@pytest.fixture
def qdrant_host(host):
    """The toy plugins and the plugin under test."""
    host.register(codeindex_qdrant, "qdrant", "codeindex")
    assert not host.broken
    return host


@pytest.fixture
def open_index(tree, qdrant_host, server):
    """Opens the index of the tree on the server; closes what is open in the end."""
    opened = []

    def open_index(*, encoder_options=None, **options) -> Index:
        index = Index.open(
            tree,
            create=True,
            host=qdrant_host,
            backend="qdrant",
            backend_options={"url": server.url, **options},
            encoder_options=encoder_options or {},
        )
        opened.append(index)
        return index

    yield open_index
    server.heal()
    for index in opened:
        index.close()
