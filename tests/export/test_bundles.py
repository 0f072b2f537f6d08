"""A bundle gives PyTorch's vectors, whatever loads it, and is refused when a file is altered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from export_toys import texts

from codeindex.errors import NotFoundError, UsageError
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_torch import TorchOptions
from codeindex_torch.encoder import make_encoder

POOLING = {"bert": "mean", "roberta": "cls", "two": "mean"}


def by_torch(folder, pooling):
    return make_encoder(TorchOptions(model=str(folder), pooling=pooling, device="cpu", threads=1))


@pytest.mark.parametrize("name", ["bert", "roberta", "two"])
def test_vectors_equal_pytorchs_alone_and_in_batches(name, models, bundles):
    served, torch = OnnxEncoder(bundles[name]), by_torch(models[name], POOLING[name])
    lengths = texts()
    for verb in ("encode_queries", "encode_corpus"):
        expected = getattr(torch, verb)(lengths)
        assert np.abs(getattr(served, verb)(lengths) - expected).max() < 1e-4
        alone = np.concatenate([getattr(served, verb)([text]) for text in lengths])
        assert np.abs(alone - expected).max() < 1e-4


def test_two_towers_stay_two(bundles):
    served = OnnxEncoder(bundles["two"])
    ours, theirs = served.encode_queries(texts()), served.encode_corpus(texts())
    assert (ours * theirs).sum(axis=1).max() < 0.9
    assert served.info.dim == 16
    assert served.info.max_tokens == 48


@pytest.mark.parametrize(("name", "tower"), [("bert", "."), ("roberta", "."), ("two", "corpus")])
@pytest.mark.filterwarnings("ignore")  # of the libraries that load it
def test_sentence_transformers_gives_the_same(name, tower, models, bundles):
    from sentence_transformers import SentenceTransformer

    folder = bundles[name] / tower
    assert not list(bundles[name].rglob("*.safetensors")) or name == "two"
    model = SentenceTransformer(str(folder), backend="onnx", local_files_only=True)
    expected = by_torch(models[name], POOLING[name]).encode_corpus(texts())
    assert np.abs(model.encode(texts(), batch_size=7) - expected).max() < 1e-4


@pytest.mark.parametrize(("name", "tower"), [("bert", "."), ("roberta", "."), ("two", "corpus")])
@pytest.mark.filterwarnings("ignore")
def test_fastembed_gives_the_same(name, tower, models, bundles):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    folder = bundles[name] / tower
    torch = by_torch(models[name], POOLING[name])
    TextEmbedding.add_custom_model(
        model=f"ours/{name}",
        pooling=PoolingType.DISABLED,
        normalization=False,
        sources=ModelSource(url=f"file:{name}"),
        dim=torch.info.dim,
        model_file="model.onnx",
        output_name="sentence_embedding",
    )
    model = TextEmbedding(f"ours/{name}", specific_model_path=str(folder), threads=1)
    vectors = np.array(list(model.embed(texts(), batch_size=7)))
    assert np.abs(vectors - torch.encode_corpus(texts())).max() < 1e-4


def test_it_serves_without_torch_and_transformers(bundles, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "files.py").write_text(
        'def read(path):\n    """read file"""\n    return 1\n'
    )
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'optimum', 'onnx', 'sentence_transformers'):\n"
        "    sys.modules[name] = None\n"
        "from codeindex.cli import run\n"
        f"options = ['--encoder', 'onnx', '-E', 'path={bundles['roberta']}']\n"
        "assert run(['index', 'code', *options]) == 0\n"
        "raise SystemExit(run(['search', 'read file', '--index', 'code', '--json']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "files.py" in done.stdout


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("name", ["bert", "two"])
def test_a_missing_or_altered_file_is_refused(name, file, bundles, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(bundles[name], folder)
    path = folder / ("query" if name == "two" else ".") / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="digest differs"):
        OnnxEncoder(folder)
    path.unlink()
    with pytest.raises(NotFoundError, match=file):
        OnnxEncoder(folder)


def test_the_graph_is_fused_and_its_lengths_are_free(bundles):
    model = onnx.load(bundles["roberta"] / "model.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("Attention") == 2
    assert "Erf" not in kinds
    assert [item.name for item in model.graph.input] == ["input_ids", "attention_mask"]
    for item in model.graph.input:
        assert [axis.dim_param for axis in item.type.tensor_type.shape.dim] == ["batch", "sequence"]


def test_the_card_the_report_and_the_manifest_name_no_path(bundles, models):
    for name, folder in bundles.items():
        report = json.loads((folder / "export_report.json").read_text())
        assert report["precision"] == "fp32"
        assert report["quality"]["texts"]["min"] > 0.9999
        assert report["quality"]["ratio"]["mrr"] == pytest.approx(1, abs=0.02)
        manifest = json.loads((folder / "encoder.json").read_text())
        assert manifest["name"] == name
        for path in folder.rglob("*"):
            if path.suffix in (".json", ".md"):
                assert str(models[name].parent) not in path.read_text()
    assert not list(bundles["two"].rglob(".*"))


@pytest.mark.filterwarnings("ignore")
def test_the_plain_runtime_example_of_the_card_runs(bundles, monkeypatch):
    monkeypatch.chdir(bundles["bert"].parent)
    card = (bundles["bert"] / "README.md").read_text()
    block = next(part for part in card.split("```python\n") if "onnxruntime" in part[:60])
    names: dict[str, object] = {}
    exec(block.split("```")[0], names)  # noqa: S102
    expected = OnnxEncoder(bundles["bert"]).encode_corpus(["def add(a, b): return a + b"])
    assert np.abs(names["vectors"] - expected).max() < 1e-4


def test_a_checkpoint_of_training_is_exported(models, options, tmp_path):
    from codeindex import Host
    from codeindex_torch.export.run import export
    from codeindex_torch.loading import load_model
    from codeindex_torch.training.checkpoint import write_checkpoint

    checkpoint = tmp_path / "best_model.pt"
    write_checkpoint(checkpoint, load_model(str(models["two"])))
    export(str(checkpoint), tmp_path / "b", options, Host(), lambda text: None)
    served, torch = OnnxEncoder(tmp_path / "b"), by_torch(checkpoint, "auto")
    for verb in ("encode_queries", "encode_corpus"):
        assert np.abs(getattr(served, verb)(texts()) - getattr(torch, verb)(texts())).max() < 1e-4
