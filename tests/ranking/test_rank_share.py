"""How much vectors count beside words is what the encoder says of itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codeindex import Index
from codeindex.bundle import read_bundle
from codeindex.errors import UsageError
from codeindex.ranking.weights import Weights
from codeindex_onnx import BUNDLES


@pytest.mark.parametrize("share", [None, 0.0, 0.8, 1.0])
def test_an_encoder_says_how_much_it_counts(tree, host, monkeypatch, share):
    with Index.open(tree, create=True, host=host) as index:
        index.update()
        alone = index.search("hammer heavy iron", 1, mode="dense")[0].parts["dense"]
        encoder = index.encoder()
        told = replace(encoder.info, dense_share=share)
        monkeypatch.setattr(type(encoder), "info", property(lambda _: told))
        best = index.search("hammer heavy iron", 1)[0]
    expected = Weights().dense if share is None else share
    assert best.parts.get("dense", 0.0) == pytest.approx(expected * alone)
    assert (best.parts.get("lexical", 0.0) > 0) == (expected < 1)


def test_a_bundle_says_it_in_its_manifest(tmp_path):
    for name in ("fast", "small"):
        share = read_bundle(BUNDLES / name).dense_share
        assert share is None or 0 < share < 1
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in (BUNDLES / "fast").iterdir():
        (folder / file.name).symlink_to(file)
    manifest = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").unlink()
    for wrong in (1.5, "much", [0.5], True):
        (folder / "encoder.json").write_text(json.dumps({**manifest, "dense_share": wrong}))
        with pytest.raises(UsageError, match="'dense_share' is .*, not a number from 0 to 1"):
            read_bundle(folder)
    (folder / "encoder.json").write_text(json.dumps({**manifest, "dense_share": 0.25}))
    given = read_bundle(folder)
    assert given.dense_share == 0.25
    assert given.fingerprint == read_bundle(BUNDLES / "fast").fingerprint, "it decides no vector"
