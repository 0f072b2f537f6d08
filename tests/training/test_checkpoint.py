"""Checkpoints: what is read is what was written; nothing else is read, and nothing is run."""

from __future__ import annotations

import json
import pickle
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import tiny_model

from codeindex.errors import NotFoundError, UsageError
from codeindex_torch import TorchOptions
from codeindex_torch.encoder import make_encoder
from codeindex_torch.loading import load_model
from codeindex_torch.training import checkpoint
from codeindex_torch.training.checkpoint import read_checkpoint, read_model, write_checkpoint
from codeindex_torch.training.starting import two_towers

TEXTS = ["read the file", "sort a list of numbers", ""]


@pytest.fixture(scope="module")
def written(model_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "best_model.pt"
    write_checkpoint(path, two_towers(load_model(str(model_folder), pooling="mean")))
    return path


def encoder(path, **options):
    return make_encoder(TorchOptions(model=str(path), device="cpu", **options))


def test_a_checkpoint_is_the_model_that_was_written(written, model_folder):
    before = encoder(model_folder, pooling="mean")
    after = encoder(written)
    for verb in ("encode_queries", "encode_corpus"):
        one, other = getattr(before, verb)(TEXTS), getattr(after, verb)(TEXTS)
        assert abs(one - other).max() < 1e-6
    assert after.info.max_tokens == before.info.max_tokens
    assert after.info.dim == 32


def test_two_towers_differ_and_a_shared_one_does_not(model_folder, tmp_path):
    dual = two_towers(load_model(str(model_folder)))
    with torch.no_grad():
        weight = dual.dual.corpus.backbone.embeddings.word_embeddings.weight
        weight.copy_(weight.flip(0))
    write_checkpoint(tmp_path / "two.pt", dual)
    two = encoder(tmp_path / "two.pt")
    assert abs(two.encode_queries(TEXTS) - two.encode_corpus(TEXTS)).max() > 0.01
    write_checkpoint(tmp_path / "one.pt", load_model(str(model_folder)))
    one = encoder(tmp_path / "one.pt")
    assert abs(one.encode_queries(TEXTS) - one.encode_corpus(TEXTS)).max() == 0
    assert (tmp_path / "one.pt").stat().st_size < 0.7 * (tmp_path / "two.pt").stat().st_size


def test_pooling_and_length_may_be_said_and_are_checked(written):
    assert encoder(written, pooling="cls").info.fingerprint != encoder(written).info.fingerprint
    assert encoder(written, max_length=10).info.max_tokens == 10
    with pytest.raises(UsageError, match="reads at most 64 tokens, not 600"):
        encoder(written, max_length=600)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"no checkpoint at .*nothing\.pt"):
        encoder(tmp_path / "nothing.pt")


@given(share=st.floats(0, 0.999))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_truncated_checkpoint_is_refused(share, written, tmp_path):
    data = written.read_bytes()
    cut = tmp_path / "cut.pt"
    cut.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UsageError) as caught:
        read_checkpoint(cut)
    assert str(cut) in str(caught.value)


@given(place=st.integers(0, 10**9), flipped=st.integers(1, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_changed_byte_is_refused_or_harmless(place, flipped, written, tmp_path):
    data = bytearray(written.read_bytes())
    data[place % len(data)] ^= flipped
    changed = tmp_path / "changed.pt"
    changed.write_bytes(data)
    try:
        found = read_checkpoint(changed).model.dual.state_dict()
    except UsageError:
        return
    for name, weight in read_checkpoint(written).model.dual.state_dict().items():
        assert torch.equal(found[name], weight), "a byte between the parts of the file"


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_malicious_checkpoint_is_refused_and_not_run(written, tmp_path):
    victim = tmp_path / "victim"
    evil = tmp_path / "evil.pt"
    torch.save({"codeindex": 1, "facts": _Evil(str(victim))}, evil)
    with pytest.raises(UsageError, match="holds more than tensors and plain values"):
        read_checkpoint(evil)
    legacy = tmp_path / "legacy.pt"
    legacy.write_bytes(pickle.dumps(_Evil(str(victim))))
    with pytest.raises(UsageError):
        read_checkpoint(legacy)
    inside = tmp_path / "inside.pt"
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(inside, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("data.pkl"):
                data = pickle.dumps(_Evil(str(victim)))
            target.writestr(name, data)
    with pytest.raises(UsageError):
        read_checkpoint(inside)
    assert not victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        {"some": "weights"},
        [1, 2],
        {"codeindex": 1, "facts": "{}", "tokenizer": "x", "weights": {}},
        {"codeindex": 1, "facts": "no json", "tokenizer": "x", "weights": {}},
        {"codeindex": 1, "facts": 3},
    ],
)
def test_something_else_is_refused(content, tmp_path):
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(UsageError, match=r"other\.pt"):
        read_checkpoint(path)


def test_a_newer_format_and_weights_of_another_model_are_refused(written, tmp_path):
    content = torch.load(written, weights_only=True)
    del content["digest"]

    def save(changed, name):
        torch.save({**changed, "digest": checkpoint._digest(changed)}, tmp_path / name)

    save({**content, "codeindex": 99}, "newer.pt")
    with pytest.raises(UsageError, match="newer codeindex"):
        read_checkpoint(tmp_path / "newer.pt")
    facts = json.loads(content["facts"])
    facts["config"]["num_hidden_layers"] = 3
    save({**content, "facts": json.dumps(facts)}, "other.pt")
    with pytest.raises(UsageError, match="not what codeindex train writes"):
        read_checkpoint(tmp_path / "other.pt")
    facts["config"]["model_type"] = "nonsense"
    save({**content, "facts": json.dumps(facts)}, "unknown.pt")
    with pytest.raises(UsageError, match="not what codeindex train writes"):
        read_checkpoint(tmp_path / "unknown.pt")


def test_a_bert_and_its_prompts_survive(tmp_path):
    folder = tiny_model(tmp_path / "bert", "bert")
    model = load_model(str(folder), pooling="mean", max_length=20)
    model.prompts = {"query": "query: ", "corpus": "code: "}
    write_checkpoint(tmp_path / "bert.pt", model)
    found = read_model(tmp_path / "bert.pt")
    assert found.prompts == {"query": "query: ", "corpus": "code: "}
    assert found.max_length == 20
    assert found.dual.query.pooling == "mean"
    made = encoder(tmp_path / "bert.pt")
    assert abs(made.encode_queries(["sort"]) - made.encode_corpus(["sort"])).max() > 1e-4
