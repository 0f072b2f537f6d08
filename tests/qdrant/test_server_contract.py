"""The backend `qdrant` keeps the contract: on the double, and on a real server if there is one."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
from double import Double, Store
from double.speaking_grpc import GrpcDouble
from qdrant_client import QdrantClient

from codeindex.testing import BackendContract, PluginContract

REAL = os.environ.get("CODEINDEX_TEST_QDRANT_URL", "")
REAL_KEY = "CODEINDEX_TEST_QDRANT_API_KEY"

ONE_STATE = {
    "test_a_commit_leaves_the_files_of_the_one_before": (
        "a server's collection has one state: who opened an earlier commit sees the newest"
    ),
}


class TestDouble(BackendContract):
    plugin = "codeindex_qdrant"
    name = "qdrant"
    broken_promises = ONE_STATE

    @pytest.fixture(autouse=True)
    def _server(self, request):
        with Double() as double:
            # Small batches and two threads: the larger tests send several at once.
            request.cls.options = {"url": double.url, "batch_size": 50, "parallel": 2}
            yield


class TestGrpc(BackendContract):
    plugin = "codeindex_qdrant"
    name = "qdrant"
    broken_promises = ONE_STATE

    @pytest.fixture(autouse=True)
    def _server(self, request, monkeypatch):
        monkeypatch.setenv("MY_KEY", "s3cret")
        with GrpcDouble(Store(), "s3cret") as double:
            request.cls.options = {
                "url": "http://127.0.0.1:1",  # nothing answers there
                "grpc": True,
                "grpc_port": double.port,
                "api_key_env": "MY_KEY",
            }
            yield


@pytest.mark.skipif(not REAL, reason="CODEINDEX_TEST_QDRANT_URL names no server")
class TestRealServer(BackendContract):
    plugin = "codeindex_qdrant"
    name = "qdrant"
    recall = 0.95
    broken_promises = ONE_STATE

    @pytest.fixture(autouse=True)
    def _own_collections(self, request):
        name = f"codeindex-test-{uuid4().hex[:12]}"
        request.cls.options = {"url": REAL, "collection": name, "api_key_env": REAL_KEY}
        yield
        key = os.environ.get(REAL_KEY)
        headers = {"api-key": key} if key else None
        client = QdrantClient(url=REAL, headers=headers, check_compatibility=False)
        for item in client.get_collections().collections:
            if item.name.startswith(f"{name}--"):
                client.delete_collection(item.name)
        client.close()


class TestQdrantPlugin(PluginContract):
    plugin = "codeindex_qdrant"
