"""Static models: the table that training begins with, what it computes, and that it is kept."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import WORDS
from training_toys import paper_pairs, write_pairs

from codeindex.cli import run
from codeindex.errors import UsageError
from codeindex.pairs import Pair
from codeindex_torch.encoder import encode_texts
from codeindex_torch.loading import load_model
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.training.distilling import distilled
from codeindex_torch.training.options import TrainOptions

CPU = torch.device("cpu")
ROWS = st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=1, max_size=5)


@pytest.fixture
def train(bert_folder, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "pairs.json", paper_pairs(papers=60))

    def command(*words, model=bert_folder):
        given_words = ["pairs.json", "--model", str(model), "--architecture", "static"]
        given_words += ["--batch-size", "16", "--learning-rate", "0.03", "--dim", "16"]
        given_words += ["--precision", "fp32"]  # one for all tests of a process
        code = run(["train", *given_words, "--device", "cpu", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def texts_of(pairs):
    return [text for pair in pairs for text in (pair.anchor, pair.positive)]


def toy_tower():
    generator = torch.Generator().manual_seed(0)
    return StaticTower(
        torch.randn(7, 5, generator=generator), torch.rand(7, generator=generator) + 0.1
    )


@given(ROWS)
def test_a_text_is_the_sum_of_its_tokens_repeats_by_their_square_root(rows):
    tower = toy_tower()
    longest = max(1, max(map(len, rows)))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    found = tower(ids, mask).detach().numpy()
    table = tower.table().numpy()
    for vector, row in zip(found, rows, strict=True):
        total = sum((row.count(t) ** 0.5 * table[t] for t in set(row)), np.zeros(5))
        norm = np.linalg.norm(total)
        np.testing.assert_allclose(vector, total / norm if norm else total, atol=1e-5)


def test_a_table_keeps_its_vectors_when_its_weights_are_taken_out():
    table = torch.randn(9, 4)
    table[3] = 0
    tower = StaticTower.of_table(table)
    torch.testing.assert_close(tower.table(), table)
    assert tower.log_weights[3] < tower.log_weights.max() - 6, "what had no vector hardly counts"


def test_what_is_distilled_reads_words_and_weighs_rare_ones(bert_folder):
    pairs = paper_pairs()
    model = distilled(load_model(str(bert_folder)), texts_of(pairs), 16, CPU)
    tower = model.dual.query
    assert tower.dim == 16
    tokenizer = model.tokenizer.backend_tokenizer
    vocabulary = tokenizer.get_vocab()
    assert not {"[CLS]", "[SEP]", "[PAD]"} & set(vocabulary)
    assert sorted(vocabulary.values()) == list(range(len(tower.vectors)))
    texts = texts_of(pairs)
    counts = dict.fromkeys(vocabulary.values(), 0)
    for text in texts:
        for token in set(tokenizer.encode(text).ids):
            counts[token] += 1
    common = max(counts, key=counts.get)
    rare = min((token for token in counts if counts[token]), key=counts.get)
    assert tower.log_weights[common] < tower.log_weights[rare]
    together, apart = (
        encode_texts(tower, model.tokens(), [text, other], CPU)
        for text, other in (("def f(x)", "def, f: x"), ("def f(x)", "return y"))
    )
    np.testing.assert_allclose(together[0], together[1], atol=1e-6)
    assert apart[0] @ apart[1] < 0.999


def test_it_learns_which_words_of_text_go_with_which_of_code(train, tmp_path):
    """Each word has one that stands for it in code: no text shares a word with its code."""
    choose = random.Random(0)
    half = len(WORDS) // 2
    chosen = [choose.sample(range(half), 4) for _ in range(300)]
    pairs = [
        Pair(" ".join(WORDS[n] for n in row), " ".join(WORDS[half + n] for n in row))
        for row in chosen
    ]
    write_pairs(tmp_path / "pairs.json", pairs)
    split = ("--train-split", 0.7, "--split-by", "pair")
    found = []
    for number, rate in enumerate((1e-9, 0.03)):
        words = ("--num-epochs", 5, "--learning-rate", rate, "--checkpoint-dir", number, *split)
        code, out, err = train(*words)
        assert code == 0, err
        history = json.loads((tmp_path / str(number) / "training_history.json").read_text())
        found.append(max(epoch["mrr"] for epoch in history["epochs"]))
    assert "(transformers" not in out
    assert found[0] < 0.4
    assert found[1] > 0.8


def test_checkpoint_folder_and_encoder_give_the_same_vectors(train, tmp_path):
    assert train("--num-epochs", 1)[0] == 0
    folder = tmp_path / "checkpoints" / "code_encoder"
    texts = ["def f1x0 read", "", "größe"]
    vectors = [
        encode_texts(model.dual.query, model.tokens(), texts, CPU)
        for model in map(load_model, (str(folder / "best_model.pt"), str(folder / "best_model")))
    ]
    np.testing.assert_array_equal(*vectors)
    assert not vectors[0][1].any()
    again = load_model(str(folder / "best_model"), max_length=7)
    assert again.tokens().max_length == 7
    code, _, err = train("--checkpoint-dir", "more", "--num-epochs", 1, model=folder / "best_model")
    assert code == 0, err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--dim", "999"), "--dim 999 is more than"),
        (("--towers", "two"), "--towers shared"),
        (("--projection", "8"), "--projection is not for"),
        (("--matryoshka", "8,16"), "--matryoshka cuts below the 16 dimensions"),
        (("--matryoshka", "8;4"), "--matryoshka takes numbers as 128,64, not '8;4'"),
        (("--matryoshka", "0"), "--matryoshka takes numbers"),
        (("--add-words", "-1"), "--add-words must be at least 0"),
        (("--architecture", "transformer"), None),
    ],
)
def test_what_does_not_fit_a_table_is_refused(train, words, named):
    code, _, err = train("--num-epochs", 1, *words)
    if named is None:
        assert code == 0, err
    else:
        assert code == 2
        assert named in err


def test_a_table_is_not_trained_as_a_transformer_nor_with_another_dim(train, tmp_path):
    assert train("--num-epochs", 1)[0] == 0
    best = tmp_path / "checkpoints" / "code_encoder" / "best_model.pt"
    code, _, err = train("--architecture", "transformer", "--checkpoint-dir", "b", model=best)
    assert (code, "--architecture static" in err) == (2, True)
    code, _, err = train("--add-words", "8", "--checkpoint-dir", "b", model=best)
    assert (code, "has its tokens already" in err) == (2, True)
    code, _, err = train("--dim", "8", "--checkpoint-dir", "c", model=best)
    assert (code, "16 dimensions" in err) == (2, True)


def test_common_words_that_are_cut_up_get_tokens_of_their_own(bert_folder):
    base = load_model(str(bert_folder))
    plain = distilled(base, ["read file"], 16, CPU).tokenizer.backend_tokenizer
    texts = ["read Jsonfile and hashkey_v2 x1"] * 30 + ["hashkey of a file"] * 9 + ["treenode"] * 9
    model = distilled(base, texts, 16, CPU, add_words=5)
    tokens = model.tokenizer.backend_tokenizer
    new = list(tokens.get_vocab().keys() - plain.get_vocab().keys())
    assert sorted(new) == ["hashkey", "jsonfile"], "not rare ones, nor what is one token, nor x1"
    assert tokens.encode("HashKey read").tokens == ["hashkey", "read"]
    assert len(plain.encode("hashkey").ids) > 1
    tower = model.dual.query
    assert len(tower.vectors) == len(tokens.get_vocab())
    vectors = encode_texts(tower, model.tokens(), ["hashkey", "jsonfile", "tree"], CPU)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] < 0.999
    commonest = distilled(base, texts, 16, CPU, add_words=1).tokenizer.backend_tokenizer
    assert commonest.get_vocab().keys() - plain.get_vocab().keys() == {"hashkey"}


def test_vectors_that_were_trained_for_it_lose_less_when_they_are_cut(train, tmp_path):
    """The loss of the first 4 of 16 dimensions, on the pairs of both runs."""
    pairs = paper_pairs(papers=60)
    losses = {}
    for name, words in (("whole", ()), ("cut", ("--matryoshka", "4"))):
        assert train("--num-epochs", 6, "--checkpoint-dir", name, *words)[0] == 0
        model = load_model(str(tmp_path / name / "best_model"))
        vectors = encode_texts(model.dual.query, model.tokens(), texts_of(pairs), CPU)[:, :4]
        first = torch.nn.functional.normalize(torch.from_numpy(vectors), dim=1)
        scores = first[::2] @ first[1::2].T / 0.05
        losses[name] = float(torch.nn.functional.cross_entropy(scores, torch.arange(len(pairs))))
    assert losses["cut"] < 0.9 * losses["whole"]


def test_only_word_pieces_become_a_table(model_folder):
    with pytest.raises(UsageError, match="word pieces"):
        distilled(load_model(str(model_folder)), ["a"], 8, CPU)


def test_options_of_a_table_must_name_one_tower():
    with pytest.raises(UsageError, match="--towers shared"):
        TrainOptions(architecture="static")
    with pytest.raises(UsageError, match="--architecture static"):
        TrainOptions(add_words=8)
