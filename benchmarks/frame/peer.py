"""The peer, semble, in an environment of its own, with the encoder that we ship.

Its own model is fetched from a hub. It is given instead, as a Model2Vec folder, the table of
the bundle `fast`: both tools look up the same vectors.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import codeindex_onnx
from benchmarks.frame.peer_environment import PeerEnvironment
from benchmarks.frame.process import environment, run

REQUIREMENT = "semble==0.7.0"
_BUNDLE = Path(codeindex_onnx.BUNDLES) / "fast"
_SAVE = """
import sys, numpy, safetensors.numpy
table, target = sys.argv[1:]
safetensors.numpy.save_file({"embeddings": numpy.load(table)}, target)
"""


class Peer:
    """An installed semble.

    Attributes:
        python: the interpreter of its environment.
        model: the Model2Vec folder it is given.
    """

    def __init__(self, cache: Path) -> None:
        """Installs it into `cache`, unless it is there."""
        installed = PeerEnvironment(cache, REQUIREMENT)
        self.python = installed.python
        self.model = installed.folder / "model"
        self._write_model()

    def search(self, query: str, tree: Path) -> list[str]:
        """The command line that searches a tree, indexing it first where it must."""
        program = self.python.with_name("semble")
        options = ["-k", "5", "--max-snippet-lines", "0"]
        return [str(program), "search", query, str(tree), *options]

    def environment(self, home: Path) -> dict[str, str]:
        """Variables under which it keeps its cache in `home` and uses the model."""
        return environment(
            HOME=str(home),
            XDG_CACHE_HOME=str(home / "cache"),
            SEMBLE_MODEL_NAME=str(self.model),
            HF_HUB_OFFLINE="1",
        )

    def version(self) -> str:
        """What is installed."""
        code = "import importlib.metadata as m; print(m.version('semble'))"
        return run([str(self.python), "-c", code]).strip()

    def _write_model(self) -> None:
        shutil.rmtree(self.model, ignore_errors=True)
        self.model.mkdir(parents=True)
        tensors = {
            tensor.name: numpy_helper.to_array(tensor)
            for tensor in onnx.load(str(_BUNDLE / "model.onnx")).graph.initializer
        }
        table = tensors["rows"].astype(np.float32) * tensors["scales"][:, None]
        with tempfile.TemporaryDirectory() as scratch:
            array = Path(scratch) / "table.npy"
            np.save(array, table)
            target = self.model / "model.safetensors"
            run([str(self.python), "-c", _SAVE, str(array), str(target)])
        shutil.copy(_BUNDLE / "tokenizer.json", self.model)
        config = {
            "model_type": "model2vec",
            "architectures": ["StaticModel"],
            "hidden_dim": table.shape[1],
            "seq_length": 1_000_000,
            "normalize": True,
            "pooling": "mean",
            "embedding_dtype": "float32",
        }
        (self.model / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
