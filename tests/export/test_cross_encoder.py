"""A cross-encoder's bundle gives PyTorch's scores, and is refused when it is not what it says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from export_toys import texts
from tiny_models import tiny_model

from codeindex import Host
from codeindex.cli import run
from codeindex.errors import NotFoundError, UsageError
from codeindex.joint_tokens import JointTokens
from codeindex.testing import RerankerContract, Status, run_contract
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_onnx.reranker import CrossEncoder
from codeindex_torch.cross_encoder import graphs
from codeindex_torch.cross_encoder.agreement import Agreement
from codeindex_torch.cross_encoder.loading import cross_encoder_folder
from codeindex_torch.cross_encoder.run import export_cross_encoder

QUERY = "read the json file"


@pytest.fixture(scope="session")
def pair_models(tmp_path_factory):
    """Folders: ``bert``, whose tokens have types, and ``roberta``, whose have none."""
    root = tmp_path_factory.mktemp("pair models")
    return {kind: tiny_model(root / kind, kind, seed=3, labels=1) for kind in ("bert", "roberta")}


@pytest.fixture(scope="session")
def rerankers(pair_models, options, tmp_path_factory):
    """A bundle of each in fp32, and ``int8`` of `bert`."""
    root = tmp_path_factory.mktemp("rerankers")
    for name, kind in (("bert", "bert"), ("roberta", "roberta"), ("int8", "bert")):
        precision = "int8" if name == "int8" else "fp32"
        chosen = replace(options, precision=precision, min_recall_ratio=0.99)
        folder = pair_models[kind]
        export_cross_encoder(folder, str(folder), root / name, chosen, Host(), lambda text: None)
    return {name: root / name for name in ("bert", "roberta", "int8")}


def by_transformers(folder, query, texts, max_length=64):
    """Logits, a pair at a time: the oracle."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = []
    for text in texts:
        fed = tokenizer(
            [query], [text], truncation="only_second", max_length=max_length, return_tensors="pt"
        )
        with torch.inference_mode():
            scores.append(model(**fed).logits.item())
    return np.array(scores)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_scores_equal_those_of_transformers(kind, pair_models, rerankers):
    expected = by_transformers(pair_models[kind], QUERY, texts())
    scores = CrossEncoder(rerankers[kind]).rerank(QUERY, texts())
    assert np.abs(scores - expected).max() < 1e-3 * expected.std()
    assert np.argsort(scores).tolist() == np.argsort(expected).tolist()
    int8 = CrossEncoder(rerankers["int8"]).rerank(QUERY, texts())
    assert kind != "bert" or np.corrcoef(int8, expected)[0, 1] > 0.98


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_pairs_are_tokenised_as_transformers_does(kind, pair_models):
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(pair_models[kind])
    for length in (8, 20, 64):
        rows = JointTokens(tokenizer.backend_tokenizer, length).of("read", texts())
        for row, text in zip(rows, texts(), strict=True):
            expected = tokenizer([("read", text)], truncation="only_second", max_length=length)
            assert [id for id, _ in row] == expected["input_ids"][0]
            assert len(row) <= length
            assert kind != "bert" or [its for _, its in row] == expected["token_type_ids"][0]


def test_fewer_tokens_are_read_if_so_asked_and_never_more(pair_models, rerankers):
    expected = by_transformers(pair_models["bert"], QUERY, texts(), 16)
    scores = CrossEncoder(rerankers["bert"], max_tokens=16).rerank(QUERY, texts())
    assert np.abs(scores - expected).max() < 1e-3 * expected.std()
    most = CrossEncoder(rerankers["bert"], max_tokens=5000).rerank(QUERY, texts())
    assert most == CrossEncoder(rerankers["bert"]).rerank(QUERY, texts())
    with pytest.raises(UsageError, match="no room for a query and a text"):
        CrossEncoder(rerankers["bert"], max_tokens=4)


def test_a_query_as_long_as_the_window_leaves_room_for_the_texts(rerankers):
    reranker = CrossEncoder(rerankers["roberta"])
    scores = reranker.rerank("search " * 500, ["read file", "sort list", "sort list \ud800"])
    assert len({round(score, 6) for score in scores}) == 3


@pytest.mark.parametrize("name", ["bert", "roberta", "int8"])
def test_it_keeps_the_contract(name, rerankers):
    facts = {
        "plugin": "codeindex_onnx",
        "name": "cross-encoder",
        "options": {"path": str(rerankers[name]), "threads": 2},
    }
    outcomes = list(run_contract(type("Suite", (RerankerContract,), facts)))
    assert {outcome.status for outcome in outcomes} == {Status.KEPT}, outcomes


def test_without_a_bundle_its_contract_is_undecided():
    facts = {"plugin": "codeindex_onnx", "name": "cross-encoder"}
    outcomes = list(run_contract(type("Suite", (RerankerContract,), facts)))
    assert {outcome.status for outcome in outcomes} == {Status.UNDECIDED}
    assert "needs a bundle; say -R path=FOLDER" in outcomes[0].detail


@pytest.mark.filterwarnings("ignore")  # of the library that loads it
def test_sentence_transformers_gives_the_same_as_the_card_says(rerankers, monkeypatch):
    monkeypatch.chdir(rerankers["bert"].parent)
    card = (rerankers["bert"] / "README.md").read_text()
    names: dict[str, object] = {}
    exec(card.split("```python\n")[1].split("```")[0], names)  # noqa: S102
    (logit,) = CrossEncoder(rerankers["bert"]).rerank("parse a date", ["def parse_date(text): ..."])
    assert names["scores"][0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_missing_or_altered_file_is_refused(file, rerankers, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(rerankers["bert"], folder)
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(UsageError, match=r"reranker\.json names \(its digest differs\)"):
        CrossEncoder(folder)
    (folder / file).unlink()
    with pytest.raises(NotFoundError, match=file):
        CrossEncoder(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "late-interaction"}, "of kind 'late-interaction'"),
        ({"format": 99}, "made by a newer codeindex"),
        ({"max_tokens": 0}, "positive whole number"),
        ({"digests": {}}, "no digest of model.onnx"),
    ],
)
def test_a_manifest_that_is_not_right_is_told(change, said, rerankers, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(rerankers["bert"], folder)
    facts = json.loads((folder / "reranker.json").read_text()) | change
    (folder / "reranker.json").write_text(json.dumps(facts))
    with pytest.raises(UsageError, match=said):
        CrossEncoder(folder)


def test_bundles_of_encoders_and_rerankers_are_told_apart(rerankers, bundles):
    with pytest.raises(NotFoundError, match=r"no reranker bundle: it has no reranker\.json"):
        CrossEncoder(bundles["bert"])
    with pytest.raises(NotFoundError, match=r"no encoder bundle: it has no encoder\.json"):
        OnnxEncoder(rerankers["bert"])
    with pytest.raises(NotFoundError, match="no such folder"):
        CrossEncoder(rerankers["bert"] / "absent")


def test_the_graph_is_fused_its_lengths_are_free_and_no_path_is_named(rerankers, pair_models):
    names = {"bert": 3, "roberta": 2, "int8": 3}
    for name, count in names.items():
        model = onnx.load(rerankers[name] / "model.onnx")
        kinds = [node.op_type for node in model.graph.node]
        assert kinds.count("QAttention" if name == "int8" else "Attention") == 2
        assert len(model.graph.input) == count
        for item in model.graph.input:
            axes = [axis.dim_param for axis in item.type.tensor_type.shape.dim]
            assert axes == ["batch", "sequence"]
        for path in rerankers[name].rglob("*"):
            if path.suffix in (".json", ".md"):
                assert str(pair_models["bert"].parent) not in path.read_text()
    assert not list(rerankers["bert"].rglob(".*"))


# -- the command ----------------------------------------------------------------------------------


def words_of(model, target, pairs_file, *more):
    checks = ["--check-pairs", str(pairs_file), "--min-recall-ratio", "0.99"]
    return ["export", str(model), "-o", str(target), *checks, *more]


def test_export_tells_a_cross_encoder_by_its_head(pair_models, models, tmp_path):
    assert cross_encoder_folder(str(pair_models["bert"])) == pair_models["bert"]
    classifier = tiny_model(tmp_path / "classes", "bert", labels=3)
    for other in (models["bert"], models["two"], classifier, tmp_path / "gone", "best_model.pt"):
        assert cross_encoder_folder(str(other)) is None


def test_export_says_how_good_the_bundle_is(pair_models, pairs_file, tmp_path, capsys):
    target = tmp_path / "mine"
    words = words_of(pair_models["roberta"], target, pairs_file)
    assert run([*words, "--precision", "fp32"]) == 0
    said = capsys.readouterr().out
    for part in ("fp32", "NDCG 1.0000", "its best 100.0%", "MRR", "pairs/s", f"path={target}"):
        assert part in said
    assert run(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    again = ["--overwrite", "--precision", "fp32", "--no-optimize", "--licence", "MIT", "--json"]
    assert run([*words, *again]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["kind"], report["fused"]) == ("cross-encoder", {})
    assert report["quality"]["difference"] < 1e-3
    assert json.loads((target / "reranker.json").read_text())["licence"] == "MIT"


def test_a_check_that_fails_leaves_nothing(pair_models, pairs_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Agreement, "ratio", property(lambda its: 0.98 * its.gain))
    monkeypatch.setattr("codeindex_torch.export.search._TREATMENTS", ())
    monkeypatch.setattr("codeindex_torch.export.search._GRANULARITIES", ({},))
    words = words_of(pair_models["bert"], tmp_path / "b", pairs_file, "--check-limit", "20")
    assert run(words) == 1
    said = capsys.readouterr().err
    assert "% of PyTorch's ranking" in said
    assert "No bundle was written" in said
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_from_pytorch_is_found_out(
    pair_models, options, tmp_path, monkeypatch
):
    from onnx import numpy_helper

    rightly = graphs.fuse

    def wrongly(source, target, config):
        counts = rightly(source, target, config)
        model = onnx.load(target)
        weight = next(item for item in model.graph.initializer if len(item.dims) == 2)
        changed = numpy_helper.to_array(weight) * 1.2
        weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
        onnx.save(model, target)
        return counts

    monkeypatch.setattr(graphs, "fuse", wrongly)
    said = []
    folder = pair_models["bert"]
    report = export_cross_encoder(folder, "m", tmp_path / "b", options, Host(), said.append)
    assert any("fusing changes the scores" in text for text in said)
    assert report["fused"] == {}
    assert report["quality"]["difference"] < 1e-3


def test_a_model_that_lacks_its_head_is_refused(models, options, tmp_path):
    with pytest.raises(UsageError, match="is incomplete: .* weights are missing: classifier"):
        export_cross_encoder(models["bert"], "m", tmp_path / "b", options, Host(), print)
    assert not (tmp_path / "b").exists()
