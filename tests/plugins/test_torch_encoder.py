"""Encoder `torch`: vectors equal a plain computation with transformers, one text at a time."""

from __future__ import annotations

import json
import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny_models import WORDS, tiny_model

from codeindex import Host
from codeindex.errors import NotFoundError, OptionError, UsageError
from codeindex.testing import EncoderContract, PluginContract
from codeindex_torch import TorchOptions, devices, encoder
from codeindex_torch.encoder import make_encoder
from codeindex_torch.folders import save_tower, save_towers
from codeindex_torch.loading import load_model
from codeindex_torch.towers import DualEncoder, Tower

LENGTH = 24
TEXTS = [
    "read a file",
    "",
    "parse the json text of a date " * 20,
    "def sort(list): return tree 🌲",
    "lone \ud800 surrogate",
    "\0\n\t",
    "größe 漢字",
    " ".join(WORDS),
    "read a file",
    "x",
]


@pytest.fixture(scope="module", params=["bert", "roberta"])
def model(request, tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp(request.param) / "model", request.param)


@pytest.fixture
def roberta(tmp_path):
    return tiny_model(tmp_path / "roberta", "roberta")


def made(folder, **options):
    return make_encoder(TorchOptions(model=str(folder), device="cpu", **options))


def oracle(folder, text, pooling, length=LENGTH):
    """What the library computes of one text alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    text = text.encode("utf-8", "replace").decode()
    given = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")
    with torch.no_grad():
        hidden = model(given["input_ids"], attention_mask=given["attention_mask"])[0][0]
    vector = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
    return (vector / vector.norm()).numpy()


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_vectors_are_those_of_a_plain_computation(model, pooling):
    found = made(model, pooling=pooling, max_length=LENGTH).encode_corpus(TEXTS)
    assert (found.shape, found.dtype) == ((len(TEXTS), 32), np.float32)
    for vector, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(vector, oracle(model, text, pooling), atol=2e-6)


def test_no_texts_give_no_vectors(model):
    assert made(model).encode_queries([]).shape == (0, 32)


def test_nothing_is_said_means_cls_and_512_or_what_the_model_can(model):
    found = made(model)
    assert found.info.max_tokens == 64  # its positions end there
    text = TEXTS[2]
    np.testing.assert_allclose(
        found.encode_corpus([text])[0], oracle(model, text, "cls", 64), atol=2e-6
    )


def test_what_stands_behind_the_longest_text_changes_nothing(model):
    found = made(model, max_length=8)
    words = "read write parse open close file socket date time text json number"
    vectors = found.encode_corpus([words, words + " graph edge" * 50])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=2e-6)


def test_neighbours_batches_and_threads_do_not_matter(model, monkeypatch):
    texts = TEXTS * 4
    first = made(model, pooling="mean").encode_corpus(texts)
    threads = torch.get_num_threads()
    for budget, round_size, batch_size in ((1, 3, 64), (100, 7, 2), (100_000, 1, 1)):
        monkeypatch.setitem(encoder.TOKENS_PER_BATCH, "cpu", budget)
        monkeypatch.setattr(encoder, "TEXTS_PER_ROUND", round_size)
        again = made(model, pooling="mean", batch_size=batch_size).encode_corpus(texts)
        np.testing.assert_allclose(first, again, atol=2e-6)
    assert torch.get_num_threads() == threads


def test_autocast_holds_for_every_batch(model, monkeypatch):
    monkeypatch.setitem(encoder.TOKENS_PER_BATCH, "cpu", 1)
    found = made(model)
    exact = found.encode_corpus(TEXTS)
    with torch.autocast("cpu", torch.bfloat16):
        cast = found.encode_corpus(TEXTS)
    assert (np.abs(cast - exact).max(axis=1) > 1e-5).all()


def test_bfloat16_is_near_and_another_encoder(model):
    exact, near = made(model), made(model, dtype="bfloat16")
    cosines = (exact.encode_corpus(TEXTS) * near.encode_corpus(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999
    assert exact.info.fingerprint != near.info.fingerprint
    np.testing.assert_allclose(np.linalg.norm(near.encode_corpus(TEXTS), axis=1), 1, atol=1e-5)


def test_the_fingerprint_changes_with_what_decides_the_vectors_only(roberta, tmp_path):
    first = made(roberta).info
    threads = torch.get_num_threads()
    try:
        same = made(roberta, batch_size=3, threads=1).info
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    moved = shutil.copytree(roberta, tmp_path / "moved")
    assert same.fingerprint == first.fingerprint == made(moved).info.fingerprint
    assert first.name == "roberta"
    others = [
        made(roberta, pooling="mean"),
        made(roberta, max_length=9),
        made(tiny_model(tmp_path / "other", "roberta", seed=1)),
    ]
    (moved / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "q: "}})
    )
    others.append(made(moved))
    assert len({first.fingerprint, *(other.info.fingerprint for other in others)}) == 5


def test_prompts_of_the_folder_stand_before_each_text(roberta):
    bare = made(roberta)
    said = {"prompts": {"query": "search for ", "document": "code of "}}
    (roberta / "config_sentence_transformers.json").write_text(json.dumps(said))
    found = made(roberta)
    for verb, prompt in (("encode_queries", "search for "), ("encode_corpus", "code of ")):
        np.testing.assert_allclose(
            getattr(found, verb)(["a tree", ""]),
            getattr(bare, verb)([f"{prompt}a tree", prompt]),
            atol=2e-6,
        )


# -- what cannot be loaded --------------------------------------------------------------------


def test_a_hub_name_without_a_network_says_how_to_give_a_folder(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, owner in (("somebody/nothing", False), ("all-MiniLM-L6-v2", True)):
        with pytest.raises(NotFoundError) as caught:
            made(name)
        said = str(caught.value)
        assert f"hf download {name} --local-dir FOLDER" in said
        assert "--model FOLDER to train, -E model=FOLDER for the encoder" in said
        assert ("OWNER/NAME" in said) == owner
        assert "codebert" not in said


def test_a_folder_that_is_none_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="no such folder"):
        made(tmp_path / "none")
    with pytest.raises(NotFoundError, match=r"has no config\.json"):
        made(tmp_path)


@pytest.mark.parametrize("gone", ["model.safetensors", "tokenizer.json"])
def test_a_folder_without_a_file_is_told(roberta, gone):
    (roberta / gone).unlink()
    with pytest.raises(UsageError, match=f"cannot load the model in .*{roberta.name}"):
        made(roberta)


def test_missing_and_truncated_weights_are_told(roberta):
    from safetensors.torch import load_file, save_file

    path = roberta / "model.safetensors"
    weights = load_file(path)
    lost = "encoder.layer.1.output.dense.weight"
    kept = {name: weight for name, weight in weights.items() if name != lost}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(UsageError, match=f"1 weights are missing: {lost}"):
        made(roberta)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UsageError, match="cannot load the model"):
        made(roberta)


class Malicious:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_never_unpickled_unsafely(roberta, tmp_path):
    (roberta / "model.safetensors").unlink()
    mark = tmp_path / "executed"
    state = {"embeddings.word_embeddings.weight": Malicious(mark)}
    torch.save(state, roberta / "pytorch_model.bin")
    with pytest.raises(UsageError, match="cannot load the model"):
        made(roberta)
    (roberta / "pytorch_model.bin").write_bytes(pickle.dumps(state))
    with pytest.raises(UsageError, match="cannot load the model"):
        made(roberta)
    assert not mark.exists()
    # A test of the test: this is what it would do.
    for opened in pickle.loads((roberta / "pytorch_model.bin").read_bytes()).values():  # noqa: S301
        opened.close()
    assert mark.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "gpu"}, "no device 'gpu' here"),
        ({"device": "cuda:77"}, "no device 'cuda:77' here"),
        ({"dtype": "float8"}, "float32, bfloat16, auto"),
        ({"pooling": "max"}, "auto, cls, mean"),
        ({"batch_size": "many"}, "batch_size"),
    ],
)
def test_wrong_options_are_told(roberta, options, said):
    host = Host.load(only=["torch"])
    offer = host.encoders.get("torch")
    with pytest.raises(OptionError, match=said):
        host.make(offer, "encoder", {"model": str(roberta), **options}, offer.spec.make)


def test_a_length_without_positions_is_told(model):
    with pytest.raises(UsageError, match="reads at most 64 tokens, not 65"):
        made(model, max_length=65)


def test_a_folder_that_pools_otherwise_is_told(roberta):
    modules = [{"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    (roberta / "modules.json").write_text(json.dumps(modules))
    (roberta / "1_Pooling").mkdir()
    (roberta / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(UsageError, match="supported: cls, mean"):
        made(roberta)
    assert made(roberta, pooling="mean").info.dim == 32


# -- precision --------------------------------------------------------------------------------


@pytest.mark.parametrize("faster", [True, False])
def test_auto_is_bfloat16_where_the_processor_computes_in_it(monkeypatch, faster):
    for name in devices._BFLOAT16_PROBES:
        monkeypatch.setattr(torch.cpu, name, lambda: faster, raising=False)
    chosen = devices.choose_dtype("auto", torch.device("cpu"))
    assert chosen == (torch.bfloat16 if faster else torch.float32)
    assert devices.choose_dtype("bfloat16", torch.device("cpu")) == torch.bfloat16
    assert devices.choose_dtype("float32", torch.device("cpu")) == torch.float32


# -- folders that are written -----------------------------------------------------------------


@pytest.mark.parametrize("projection", [0, 12])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_other_libraries_load_what_is_written(model, tmp_path, pooling, projection):
    from sentence_transformers import SentenceTransformer

    loaded = load_model(str(model), pooling=pooling, max_length=LENGTH)
    torch.manual_seed(3)
    tower = Tower(loaded.dual.query.backbone, pooling, projection).eval()
    save_tower(tmp_path, tower, loaded.tokenizer, LENGTH, {})
    ours = made(tmp_path)
    assert (ours.info.dim, ours.info.max_tokens) == (projection or 32, LENGTH)
    texts = [text for text in TEXTS if text.isprintable() and "\ud800" not in text]
    found = ours.encode_corpus(texts)
    theirs = SentenceTransformer(str(tmp_path), device="cpu")
    np.testing.assert_allclose(found, theirs.encode(texts, show_progress_bar=False), atol=2e-6)
    assert theirs.max_seq_length == LENGTH
    if not projection:
        np.testing.assert_allclose(found[0], oracle(tmp_path, texts[0], pooling), atol=2e-6)


def test_two_towers_are_saved_and_loaded(tmp_path):
    query, corpus = (
        load_model(str(tiny_model(tmp_path / name, "roberta", seed=seed)))
        for name, seed in (("q", 1), ("c", 2))
    )
    dual = DualEncoder(query.dual.query, corpus.dual.query)
    save_towers(tmp_path / "both", dual, query.tokenizer, LENGTH, {"query": "text ", "corpus": ""})
    found = made(tmp_path / "both")
    np.testing.assert_allclose(
        found.encode_queries(["a tree"])[0], oracle(tmp_path / "q", "text a tree", "cls"), atol=2e-6
    )
    np.testing.assert_allclose(
        found.encode_corpus(["a tree"])[0], oracle(tmp_path / "c", "a tree", "cls"), atol=2e-6
    )


class TestContract(EncoderContract):
    """What every encoder is held to."""

    plugin = "codeindex_torch"
    name = "torch"

    variants = ({"pooling": "mean"}, {"max_length": 4}, {"dtype": "bfloat16"})

    @classmethod
    def setup_class(cls):
        cls.place = tempfile.TemporaryDirectory()
        folder = tiny_model(Path(cls.place.name) / "model", "roberta")
        cls.options = {"model": str(folder), "device": "cpu"}

    @classmethod
    def teardown_class(cls):
        cls.place.cleanup()


class TestPlugin(PluginContract):
    """What every plugin is held to."""

    plugin = "codeindex_torch"
