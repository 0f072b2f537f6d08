"""Every plugin that comes with codeindex keeps the contracts that others are held to."""

from __future__ import annotations

from toys import ToyPlugin

from codeindex.testing import (
    BackendContract,
    EncoderContract,
    ExtractorContract,
    PluginContract,
)
from codeindex_onnx import BUNDLES

TOYS = ToyPlugin()


class TestFaiss(BackendContract):
    plugin = "codeindex_faiss"


class TestBruteForce(BackendContract):
    plugin = TOYS
    name = "brute"
    broken_promises = {
        "test_what_is_no_vector_is_refused": "a toy trusts what it is given",
    }


class TestFast(EncoderContract):
    plugin = "codeindex_onnx"
    name = "fast"


class TestOnnx(EncoderContract):
    plugin = "codeindex_onnx"
    name = "onnx"
    options = {"path": str(BUNDLES / "fast")}


class TestPython(ExtractorContract):
    plugin = "codeindex_python"


class TestPapers(ExtractorContract):
    plugin = "codeindex_papers"


class TestFaissPlugin(PluginContract):
    plugin = "codeindex_faiss"


class TestOnnxPlugin(PluginContract):
    plugin = "codeindex_onnx"


class TestQdrantPlugin(PluginContract):
    plugin = "codeindex_qdrant"


class TestPapersPlugin(PluginContract):
    plugin = "codeindex_papers"


class TestPythonPlugin(PluginContract):
    plugin = "codeindex_python"
