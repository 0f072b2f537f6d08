"""Encoder `onnx`: bundles are checked, vectors equal a plain computation, batches do not matter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, get_ident
from threading import enumerate as enumerate_threads

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from codeindex import Host
from codeindex.batching import batches, run_batches
from codeindex.bundle import read_bundle, write_manifest
from codeindex.errors import NotFoundError, OptionError, UsageError
from codeindex.evaluation import first_ranks, retrieval
from codeindex_onnx import BUNDLES
from codeindex_onnx.encoder import OnnxEncoder
from codeindex_onnx.graph import TOKENS_PER_BATCH, GraphModel
from codeindex_onnx.tokenization import SPLIT_AT_WORDS, TokenIds
from codeindex_torch.export.texts import standard_library_pairs

WORDS = ["[UNK]", "red", "green", "blue", "apple", "sky"]
DIM = 4


def tiny_model(table: np.ndarray) -> bytes:
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["rows"], axis=0),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "two"], ["mask3"]),
        node("Mul", ["rows", "mask3"], ["masked"]),
        node("ReduceSum", ["masked", "one"], ["pooled"], keepdims=0),
        node("ReduceL2", ["pooled", "one"], ["norm"], keepdims=1),
        node("Max", ["norm", "tiny"], ["safe"]),
        node("Div", ["pooled", "safe"], ["sentence_embedding"]),
    ]
    constants = {
        "table": table.astype(np.float32),
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "tiny": np.array([1e-12], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", DIM])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()


def write_tower(folder: Path, seed: int) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    table = np.random.default_rng(seed).normal(size=(len(WORDS), DIM)).astype(np.float32)
    (folder / "model.onnx").write_bytes(tiny_model(table))
    tokenizer = Tokenizer(models.WordLevel(dict(zip(WORDS, range(6), strict=True)), "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    return table


FACTS = {
    "name": "tiny", "version": "1", "dim": DIM, "pooling": "mean", "max_tokens": 8,
    "prompts": {}, "base_model": "none", "licence": "Apache-2.0", "made_by": {},
}  # fmt: skip


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    table = write_tower(folder, 0)
    write_manifest(folder, FACTS)
    return folder, table


def expected(table, text, limit=8):
    rows = [table[WORDS.index(word) if word in WORDS else 0] for word in text.split()[:limit]]
    total = np.sum(rows, axis=0) if rows else np.zeros(DIM)
    norm = np.linalg.norm(total)
    return total / norm if norm else total


TEXTS = ["red apple", "", "blue sky blue sky", "green", "nothing known", "sky " * 50, "red"]


def test_vectors_are_those_of_a_plain_computation_in_the_inputs_order(bundle):
    folder, table = bundle
    vectors = OnnxEncoder(folder).encode_corpus(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), DIM), np.float32)
    for vector, text in zip(vectors, TEXTS, strict=True):
        np.testing.assert_allclose(vector, expected(table, text), atol=1e-6)


def test_no_texts_give_no_vectors(bundle):
    assert OnnxEncoder(bundle[0]).encode_queries([]).shape == (0, DIM)


def test_neighbours_and_batches_do_not_matter(bundle, monkeypatch):
    encoder = OnnxEncoder(bundle[0])
    together = encoder.encode_corpus(TEXTS)
    alone = np.vstack([encoder.encode_corpus([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    for budget, round_size in ((1, 2), (10, 3), (100_000, 1)):
        monkeypatch.setattr("codeindex_onnx.graph.TOKENS_PER_BATCH", budget)
        monkeypatch.setattr("codeindex_onnx.encoder.TEXTS_PER_ROUND", round_size)
        np.testing.assert_allclose(encoder.encode_corpus(TEXTS), together, atol=1e-6)


@given(st.lists(st.integers(0, 500), max_size=60))
def test_batches_hold_every_row_once_within_the_budget(lengths):
    found = list(batches(lengths, TOKENS_PER_BATCH))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        padded = len(batch) * max(lengths[row] for row in batch)
        assert len(batch) == 1 or padded <= TOKENS_PER_BATCH


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_batch_is_done_once_whatever_the_threads(threads):
    done, begun = [], []
    parts = [[n, n + 1] for n in range(0, 20, 2)]
    run_batches(done.append, parts, threads, begin=lambda: begun.append(get_ident()))
    assert sorted(done) == parts
    assert get_ident() not in begun
    assert len(begun) <= (threads if threads > 1 else 0)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_batch_raises_ends_the_run_and_its_threads(threads, monkeypatch):
    """Later batches wait until those that had not begun are taken back: no race decides."""
    done, taken_back = [], Event()
    before = set(enumerate_threads())

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            taken_back.set()
            super().shutdown(wait=wait)

    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", Pool)

    def work(batch):
        if batch == [3]:
            raise KeyboardInterrupt
        if batch > [3]:
            assert taken_back.wait(60)
        done.append(batch)

    with pytest.raises(KeyboardInterrupt):
        run_batches(work, [[n] for n in range(1000)], threads)
    assert len(done) <= 3 + threads
    assert set(enumerate_threads()) == before


def test_odd_characters_are_no_error(bundle):
    vectors = OnnxEncoder(bundle[0]).encode_corpus(["\ud800", "\0", "é" * 10_000, "red\u2028sky"])
    assert np.isfinite(vectors).all()


def test_threads_change_nothing_but_speed(bundle):
    one, two = OnnxEncoder(bundle[0], 1), OnnxEncoder(bundle[0], 2)
    np.testing.assert_allclose(one.encode_corpus(TEXTS), two.encode_corpus(TEXTS), atol=1e-6)
    assert one.info == two.info


def quantised(model: bytes) -> bytes:
    """The tiny model with its rows rounded to 8 bits of the batch's range."""
    changed = onnx.load_from_string(model)
    names = ["u8", "scale", "zero"]
    changed.graph.node[0].output[0] = "exact"
    changed.graph.node.insert(1, helper.make_node("DynamicQuantizeLinear", ["exact"], names))
    changed.graph.node.insert(2, helper.make_node("DequantizeLinear", names, ["rows"]))
    return changed.SerializeToString()


def test_neighbours_do_not_matter_to_the_bit_where_ranges_are_those_of_a_batch(bundle):
    folder, table = bundle
    (folder / "model.onnx").write_bytes(quantised(tiny_model(table)))
    write_manifest(folder, FACTS)
    encoder = OnnxEncoder(folder, 2)
    together = encoder.encode_corpus(TEXTS)
    alone = np.vstack([encoder.encode_corpus([text]) for text in TEXTS])
    assert np.array_equal(together, alone)
    plain = np.array([expected(table, text) for text in TEXTS])
    np.testing.assert_allclose(together, plain, atol=0.05)
    # A test of the test: in one batch they do depend on each other.
    loaded(encoder)._each_alone = False
    assert not np.array_equal(encoder.encode_corpus(TEXTS), alone)


def loaded(encoder):
    return encoder._corpus._model


@pytest.mark.parametrize(("threads", "first"), [(1, 1), (3, 3)])
def test_a_lone_batch_has_all_threads_and_many_have_one_each(bundle, monkeypatch, threads, first):
    monkeypatch.setattr("codeindex_onnx.graph.TOKENS_PER_BATCH", 2)
    encoder = OnnxEncoder(bundle[0], threads)
    lone = encoder.encode_queries(["red apple"])
    assert loaded(encoder)._threads_a_batch == first
    many = encoder.encode_corpus(["red apple"] * 9)
    assert loaded(encoder)._threads_a_batch == 1
    again = encoder.encode_queries(["red apple"])
    assert loaded(encoder)._threads_a_batch == 1
    np.testing.assert_allclose(np.vstack([lone, many, again]), np.tile(lone, (11, 1)), atol=1e-6)


def test_several_threads_may_encode_with_one_encoder(bundle, monkeypatch):
    monkeypatch.setattr("codeindex_onnx.graph.TOKENS_PER_BATCH", 4)
    encoder = OnnxEncoder(bundle[0], 2)
    expected = OnnxEncoder(bundle[0], 1).encode_corpus(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(encoder.encode_corpus, [TEXTS] * 12):
            np.testing.assert_allclose(vectors, expected, atol=1e-6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_can_encode(bundle):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from codeindex_onnx.encoder import OnnxEncoder\n"
        "encoder = OnnxEncoder(Path(sys.argv[1]), 4)\n"
        "texts = ['red apple sky'] * 200\n"
        "before = encoder.encode_queries(texts[:3])\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    one = encoder.encode_queries(texts[:3])\n"
        "    many = encoder.encode_corpus(texts)\n"
        "    os._exit(0 if abs(one - before).max() + abs(many - before[0]).max() < 1e-5 else 3)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(bundle[0])], check=True, timeout=120
    )


def test_a_model_without_the_output_is_told(bundle):
    folder, _ = bundle
    model = onnx.load_from_string((folder / "model.onnx").read_bytes())
    model.graph.output[0].name = model.graph.node[-1].output[0] = "vectors"
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    write_manifest(folder, FACTS)
    with pytest.raises(UsageError, match="no output 'sentence_embedding'"):
        OnnxEncoder(folder)


def test_two_towers_and_prompts(tmp_path):
    folder = tmp_path / "dual"
    query, corpus = write_tower(folder / "q", 1), write_tower(folder / "c", 2)
    towers = {"query": "q", "corpus": "c"}
    prompts = {"query": "blue ", "corpus": ""}
    write_manifest(folder, {**FACTS, "towers": towers, "prompts": prompts})
    encoder = OnnxEncoder(folder)
    np.testing.assert_allclose(
        encoder.encode_queries(["red"])[0], expected(query, "blue red"), atol=1e-6
    )
    np.testing.assert_allclose(
        encoder.encode_corpus(["red"])[0], expected(corpus, "red"), atol=1e-6
    )


def rewrite(folder, **changes):
    path = folder / "encoder.json"
    manifest = json.loads(path.read_text())
    manifest.update(changes)
    path.write_text(json.dumps({k: v for k, v in manifest.items() if v is not None}))


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"dim": None}, UsageError, "lacks dim"),
        ({"dim": "x"}, UsageError, "'dim' must be a positive whole number"),
        ({"dim": 7}, UsageError, "the model gives 4 dimensions, not 7"),
        ({"format": 99}, UsageError, "newer codeindex"),
        ({"digests": {}}, UsageError, "no digest of model.onnx"),
        ({"towers": {"query": "../x", "corpus": "."}}, UsageError, "outside the bundle"),
        ({"towers": {"query": "/etc", "corpus": "."}}, UsageError, "outside the bundle"),
        ({"towers": {"query": "."}}, UsageError, "lacks 'corpus'"),
    ],
)
def test_a_wrong_manifest_is_told(bundle, changes, kind, said):
    rewrite(bundle[0], **changes)
    with pytest.raises(kind, match=said):
        OnnxEncoder(bundle[0])


def test_missing_and_damaged_files_are_told(bundle, tmp_path):
    folder, _ = bundle
    with pytest.raises(NotFoundError, match="no such folder"):
        OnnxEncoder(tmp_path / "none")
    data = bytearray((folder / "model.onnx").read_bytes())
    data[50] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(UsageError, match=r"model\.onnx is not the file .*digest differs"):
        OnnxEncoder(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(NotFoundError, match=r"cannot read .*model\.onnx"):
        OnnxEncoder(folder)
    (folder / "encoder.json").write_text("{")
    with pytest.raises(UsageError, match="no valid JSON"):
        OnnxEncoder(folder)
    (folder / "encoder.json").unlink()
    with pytest.raises(NotFoundError, match=r"has no encoder\.json"):
        OnnxEncoder(folder)


def test_a_model_that_is_none_is_told(bundle):
    folder, _ = bundle
    (folder / "model.onnx").write_bytes(b"not a model")
    write_manifest(folder, FACTS)
    with pytest.raises(UsageError, match="cannot load the model"):
        OnnxEncoder(folder)
    (folder / "tokenizer.json").write_text("{}")
    write_manifest(folder, FACTS)
    with pytest.raises(UsageError, match="cannot load the tokenizer"):
        OnnxEncoder(folder)


def test_the_fingerprint_changes_with_what_decides_the_vectors_only(bundle, tmp_path):
    folder, _ = bundle
    first = read_bundle(folder).fingerprint
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    rewrite(moved, licence="MIT", name="other", made_by={"x": 1})
    assert read_bundle(moved).fingerprint == first
    for change in ({"max_tokens": 9}, {"pooling": "cls"}, {"prompts": {"query": "q: "}}):
        shutil.rmtree(moved)
        shutil.copytree(folder, moved)
        rewrite(moved, **change)
        assert read_bundle(moved).fingerprint != first
    write_tower(moved, 5)
    write_manifest(moved, FACTS)
    assert read_bundle(moved).fingerprint != first


def test_the_encoder_is_offered_and_says_how_it_is_given_a_bundle(bundle):
    host = Host.load(only=["onnx"])
    offer = host.encoders.get("onnx")
    with pytest.raises(OptionError, match="-E path=FOLDER"):
        host.make(offer, "encoder", {}, offer.spec.make)
    encoder = host.make(offer, "encoder", {"path": str(bundle[0])}, offer.spec.make)
    assert encoder.info.name == "tiny 1"


# -- the shipped bundle -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def fast():
    return OnnxEncoder(BUNDLES / "fast")


@pytest.fixture(scope="module")
def fast_graph():
    """With the vectors of its graph: hubs are not held back."""
    return OnnxEncoder(BUNDLES / "fast", hubness=False)


def fast_table() -> np.ndarray:
    model = onnx.load(str(BUNDLES / "fast" / "model.onnx"))
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    return tensors["rows"].astype(np.float32) * tensors["scales"][:, None]


def test_fast_is_the_sum_of_its_table_repeats_by_their_square_root(fast_graph):
    tokenizer = Tokenizer.from_file(str(BUNDLES / "fast" / "tokenizer.json"))
    table = fast_table()
    texts = [
        "Parse a date string",
        "def compress_file(path):\n    return gzip",
        "size size path size",
        "größe → 漢字",
        "()",
    ]
    for vector, text in zip(fast_graph.encode_corpus(texts), texts, strict=True):
        tokens, counts = np.unique(np.array(tokenizer.encode(text).ids, int), return_counts=True)
        total = np.sqrt(counts) @ table[tokens]
        norm = np.linalg.norm(total)
        np.testing.assert_allclose(vector, total / norm if norm else total, atol=1e-5)


def test_fast_without_the_runtime_equals_its_graph(fast_graph):
    model = (BUNDLES / "fast" / "model.onnx").read_bytes()
    texts = [path.read_text()[:9000] for path in sorted(BUNDLES.parent.glob("*.py"))] + ["", "x"]
    ids = fast_graph._corpus._tokenizer.of(texts)
    graph = GraphModel(model, fast_graph.info.dim, 1).encode(ids)
    np.testing.assert_allclose(fast_graph.encode_corpus(texts), graph, atol=1e-6)


def test_fast_loads_neither_runtime_nor_tokenizers_for_ascii():
    code = (
        "import sys; from codeindex_onnx import BUNDLES\n"
        "from codeindex_onnx.encoder import OnnxEncoder\n"
        "OnnxEncoder(BUNDLES / 'fast').encode_queries(['parse a date'])\n"
        "assert not {'onnxruntime', 'tokenizers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": {"offset": 10**9, "dtype": "int8", "shape": [35124, 256]}},
        {"rows": {"offset": 0, "dtype": "int8", "shape": [35124, 128]}},
        {"rows": {"offset": 0, "dtype": "float32", "shape": [35124, 256]}},
        {"scales": {}},
        {"scales": None},
    ],
)
def test_a_table_that_is_not_where_the_manifest_says_is_told(tmp_path, change):
    folder = tmp_path / "fast"
    shutil.copytree(BUNDLES / "fast", folder)
    manifest = json.loads((folder / "encoder.json").read_text())
    manifest["static"] |= change
    (folder / "encoder.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="static"):
        OnnxEncoder(folder)


GOLDEN = {
    "parse a date string": [0.0195, -0.05651, -0.01499, 0.06055, -0.01418],
    "retry with exponential backoff": [-0.02222, 0.06388, -0.05173, 0.04951, 0.06401],
    "def compress_file(path): ...": [-0.03033, 0.04653, -0.0287, -0.01818, 0.01259],
}
PENALTIES = {
    "parse a date string": -0.19351,
    "retry with exponential backoff": -0.12691,
    "def compress_file(path): ...": -0.07694,
}


def test_fast_gives_the_vectors_it_was_shipped_with(fast):
    for text, values in GOLDEN.items():
        np.testing.assert_allclose(fast.encode_queries([text])[0, :5], values, atol=1e-4)
    for text, value in PENALTIES.items():
        assert fast.encode_corpus([text])[0, -1] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("dim", [0, 128])
def test_fast_finds_more_where_hubs_are_held_back(dim):
    pairs = standard_library_pairs(Host.load())[:1500]  # which it was not trained on
    found = {}
    for hubness in (False, True):
        encoder = OnnxEncoder(BUNDLES / "fast", dim=dim, hubness=hubness)
        queries = encoder.encode_queries([pair.anchor for pair in pairs])
        corpus = encoder.encode_corpus([pair.positive for pair in pairs])
        own = [[row] for row in range(len(pairs))]
        found[hubness] = retrieval(first_ranks(queries, corpus, own), len(pairs)).mrr
    assert found[True] > found[False] + 0.005


def test_fast_puts_like_beside_like(fast):
    queries = fast.encode_queries(["parse a date string", "compress a file"])
    corpus = fast.encode_corpus(
        [
            "def strptime(text, fmt):\n    '''Parse a string to a datetime.'''",
            "def gzip_compress(path):\n    '''Compress the file with gzip.'''",
        ]
    )
    assert (queries @ corpus.T).argmax(axis=1).tolist() == [0, 1]


def test_fast_is_small_and_says_where_it_comes_from():
    files = list((BUNDLES / "fast").iterdir())
    assert sum(path.stat().st_size for path in files) <= 10_000_000
    assert {path.name for path in files} == {
        *("LICENSE", "README.md", "encoder.json"),
        *("hubness.npz", "model.onnx", "tokenizer.json"),
    }
    manifest = json.loads((BUNDLES / "fast" / "encoder.json").read_text())
    assert manifest["licence"] == "Apache-2.0"
    assert manifest["base_model"].endswith("all-MiniLM-L6-v2")
    assert "Apache License" in (BUNDLES / "fast" / "LICENSE").read_text()


@pytest.fixture(scope="module")
def token_ids():
    data = (BUNDLES / "fast" / "tokenizer.json").read_bytes()
    ids = TokenIds(data, 512)
    assert ids._pieces is not None, "the short cut is not taken"
    return ids


PIECES = st.sampled_from(["back", "off", "s", "x" * 99, "xy", "7", "zq", "[UNK]", "##s", " ", "_"])


@settings(deadline=None, max_examples=300)
@given(
    text=st.one_of(
        st.text(),
        st.text(alphabet=st.characters(max_codepoint=127)),
        st.lists(PIECES).map("".join),
    )
)
def test_the_short_cut_gives_the_librarys_ids(token_ids, text):
    assert token_ids.of([text]) == token_ids._by_library([text])


def test_the_short_cut_cuts_where_the_library_does(token_ids):
    text = "compress_files2 HTTPServer antidisestablishmentarianism " * 200
    (ids,) = token_ids.of([text])
    assert len(ids) == 512
    assert [ids] == token_ids._by_library([text[: 512 * 16]])


def test_the_short_cut_is_taken_for_word_tables_only(bundle):
    data = json.loads((BUNDLES / "fast" / "tokenizer.json").read_text())
    for key, value in {
        "pre_tokenizer": {**SPLIT_AT_WORDS, "invert": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [],
            "pair": [],
            "special_tokens": {},
        },
        "normalizer": {**data["normalizer"], "lowercase": False},
    }.items():
        changed = json.dumps({**data, key: value}).encode()
        assert TokenIds(changed, 512)._pieces is None, key
    assert TokenIds((bundle[0] / "tokenizer.json").read_bytes(), 8)._pieces is None


@pytest.mark.parametrize("name", ["fast", "small"])
def test_cut_vectors_are_the_first_dimensions_at_unit_length(name):
    texts = ["def parse(date): return date", "", "read a file"]
    whole, cut = (OnnxEncoder(BUNDLES / name, dim=dim, hubness=False) for dim in (0, 64))
    found = cut.encode_corpus(texts)
    first = whole.encode_corpus(texts)[:, :64]
    lengths = np.linalg.norm(first, axis=1, keepdims=True)
    np.testing.assert_allclose(found, first / np.where(lengths == 0, 1, lengths), atol=1e-6)
    assert (cut.info.dim, cut.info.name) == (64, f"{whole.info.name} cut to 64")
    assert cut.info.fingerprint != whole.info.fingerprint
    assert OnnxEncoder(BUNDLES / name, 0, whole.info.dim, hubness=False).info == whole.info
    for wrong in (-1, whole.info.dim + 1):
        with pytest.raises(OptionError, match=f"dim is {wrong}: {name} has"):
            OnnxEncoder(BUNDLES / name, dim=wrong)
