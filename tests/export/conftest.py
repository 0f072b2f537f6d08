"""Tiny models, and bundles made of them once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from export_toys import write_pairs
from tiny_models import tiny_model

from codeindex import Host
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.run import export


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Threads of a tiny model cost more than they give, the more so where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.json")


@pytest.fixture(scope="session")
def options(pairs_file):
    return ExportOptions(precision="fp32", check_pairs=pairs_file)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folders: ``bert`` and ``roberta``, as a saved model, and ``two`` towers."""
    from codeindex_torch.folders import save_towers
    from codeindex_torch.loading import load_model
    from codeindex_torch.towers import DualEncoder, Tower

    root = tmp_path_factory.mktemp("models")
    folders = {kind: tiny_model(root / kind, kind, seed=3) for kind in ("bert", "roberta")}
    other = tiny_model(root / "other", "roberta", seed=4)
    query, corpus = load_model(str(folders["roberta"])), load_model(str(other))
    torch.manual_seed(0)
    towers = [Tower(model.dual.query.backbone, "mean", 16) for model in (query, corpus)]
    folders["two"] = root / "two"
    dual = DualEncoder(*towers)
    prompts = {"query": "search ", "corpus": ""}
    save_towers(folders["two"], dual, query.tokenizer, 48, prompts)
    return folders


@pytest.fixture(scope="session")
def bundles(models, options, tmp_path_factory):
    """Of each model, in fp32: mean pooling for `bert`, the first token for `roberta`."""
    root = tmp_path_factory.mktemp("bundles")
    pooling = {"bert": "mean", "roberta": "cls", "two": "auto"}
    for name, folder in models.items():
        chosen = replace(options, pooling=pooling[name])
        export(str(folder), root / name, chosen, Host(), lambda text: None)
    return {name: root / name for name in models}


@pytest.fixture(scope="session")
def int8_bundle(models, options, tmp_path_factory):
    target = tmp_path_factory.mktemp("int8") / "tiny"
    chosen = replace(options, precision="int8", pooling="mean", min_recall_ratio=0.9)
    export(str(models["roberta"]), target, chosen, Host(), lambda text: None)
    return target
