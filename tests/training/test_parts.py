"""Dropout, learning rates, mined negatives and validation against what they are said to be."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from training_toys import paper_pairs

from codeindex.evaluation import first_ranks, retrieval
from codeindex.pairs import Pair
from codeindex.vectors import unit
from codeindex_torch.loading import load_model
from codeindex_torch.training.data import Encoded, PairKeys, TokenRows
from codeindex_torch.training.dropout import CheapDropout, drop, make_cheap
from codeindex_torch.training.loss import InfoNCE
from codeindex_torch.training.negatives import MARGIN, mine_negatives
from codeindex_torch.training.schedule import make_optimizer, rate_at
from codeindex_torch.training.validation import Questions, validation_loss


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.01])
def test_dropout_drops_its_share_and_keeps_the_mean(probability):
    torch.manual_seed(0)
    values = torch.ones(999, 1001, requires_grad=True)
    found = drop(values, probability)
    kept = found.detach() != 0
    share = 1 - float(kept.float().mean())
    assert share == pytest.approx(probability, abs=0.002)
    assert float(found.detach().mean()) == pytest.approx(1, abs=0.003)
    assert len(found.detach().unique()) == 2
    rows, columns = kept.float().mean(dim=1), kept.float().mean(dim=0)
    for means in (rows, columns):  # independent: as even as coins are
        expected = (probability * (1 - probability) / 1000) ** 0.5
        assert float(means.std()) == pytest.approx(expected, rel=0.15)
    found.sum().backward()
    assert torch.equal(values.grad, found.detach())


def test_dropout_is_reproducible_and_silent_when_not_training():
    torch.manual_seed(3)
    one = drop(torch.ones(50), 0.3)
    torch.manual_seed(3)
    assert torch.equal(one, drop(torch.ones(50), 0.3))
    assert torch.equal(drop(torch.ones(5), 0.0), torch.ones(5))
    layer = CheapDropout(0.5)
    assert not torch.equal(layer(torch.ones(50)), torch.ones(50))
    assert torch.equal(layer.eval()(torch.ones(50)), torch.ones(50))
    assert drop(torch.ones(7, 3, dtype=torch.bfloat16), 0.5).dtype == torch.bfloat16


def test_every_dropout_of_a_model_is_replaced_and_its_vectors_are_not(model_folder):
    model = load_model(str(model_folder), attention="eager")
    ids, mask = torch.tensor([[0, 5, 6, 2]]), torch.ones(1, 4, dtype=torch.long)
    before = model.dual.query(ids, mask)
    make_cheap(model.dual)
    kinds = Counter(type(module) for module in model.dual.modules())
    assert kinds[torch.nn.Dropout] == 0
    assert kinds[CheapDropout] >= 5
    assert torch.equal(model.dual.query(ids, mask), before)
    model.dual.train()
    assert not torch.equal(model.dual.query(ids, mask), before)


def test_learning_rates_follow_their_schedule():
    def rates(schedule, warmup):
        return [rate_at(step, 10, 1.0, warmup, schedule) for step in range(10)]

    assert rates("constant", 0) == [1.0] * 10
    assert rates("constant", 0.3)[:4] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert rates("linear", 0) == pytest.approx([1 - step / 10 for step in range(10)])
    assert rates("linear", 0.2) == pytest.approx([0.5, 1, *(1 - step / 8 for step in range(8))])
    cosine = rates("cosine", 0)
    assert cosine[0] == 1
    assert cosine[5] == pytest.approx(0.5)
    assert all(after < before for before, after in pairwise(cosine))


def test_only_matrices_decay(model_folder):
    model = load_model(str(model_folder))
    loss = InfoNCE(learn=True)
    groups = make_optimizer([model.dual, loss], 1e-3, 0.1).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert all(parameter.ndim >= 2 for parameter in groups[0]["params"])
    assert any(parameter is loss.log_scale for parameter in groups[1]["params"])
    given = sum(len(group["params"]) for group in groups)
    assert given == len(list(model.dual.parameters())) + 1, "a shared tower is given once"


def test_mined_negatives_are_the_best_that_are_no_answer():
    generator = np.random.default_rng(0)
    pairs = [Pair(f"a{n}", f"p{n % 25}", metadata={"arxiv_id": str(n // 3)}) for n in range(30)]
    anchors, positives = (unit(generator.normal(size=(30, 6)).astype(np.float32)) for _ in range(2))
    positives[25:] = positives[:5]
    keys = PairKeys.of(pairs)
    found = mine_negatives(anchors, positives, keys, 3)
    for row, pair in enumerate(pairs):
        own = float(anchors[row] @ positives[row])
        limit = own - (1 - MARGIN) * abs(own)
        allowed = {
            other.positive: float(anchors[row] @ positives[place])
            for place, other in enumerate(pairs)
            if other.paper != pair.paper
            and other.positive != pair.positive
            and float(anchors[row] @ positives[place]) <= limit
        }
        # A text may stand under a paper of its own as well as under this one's.
        barred = {pairs[p].positive for p in range(30) if pairs[p].paper == pair.paper}
        expected = sorted(allowed, key=lambda text: -allowed[text])[:3]
        taken = [pairs[place].positive for place in found[row].tolist() if place >= 0]
        if not barred & set(expected):
            assert taken == expected
    assert (found == -1).any() or (found >= 0).all()


def test_validation_ranks_the_whole_pool_and_knows_all_that_is_right():
    pairs = [
        Pair("q one", "code a", metadata={"arxiv_id": "1"}),
        Pair("q one", "code b", metadata={"arxiv_id": "1"}),
        Pair("q two", "code c", metadata={"arxiv_id": "2"}),
        Pair("q three", "code a", metadata={"arxiv_id": "3"}),
    ]
    questions = Questions.of(pairs)
    assert questions.queries == ["q one", "q two", "q three"]
    assert questions.pool == ["code a", "code b", "code c"]
    assert questions.relevant == [[0, 1], [2], [0]]
    queries = np.eye(3, dtype=np.float32)
    corpus = np.array([[0, 1, 0.9], [0.5, 0, 0], [0, 0.9, 1]], dtype=np.float32)
    ranks = first_ranks(queries, corpus, questions.relevant)
    assert ranks.tolist() == [1, 2, 2]
    metrics = retrieval(ranks, len(questions.pool))
    assert metrics.mrr == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert metrics.recall_at_1 == pytest.approx(1 / 3)
    assert metrics.pool == 3
    same = np.zeros((3, 3), dtype=np.float32)
    assert first_ranks(same, same, questions.relevant).tolist() == [2, 3, 3], "ties count against"


def test_validation_loss_is_that_of_its_batches():
    pairs = paper_pairs(papers=5, files=1)
    questions = Questions.of(pairs)
    generator = torch.Generator().manual_seed(0)
    queries, corpus = (
        torch.nn.functional.normalize(torch.randn(5, 8, generator=generator), dim=-1)
        for _ in range(2)
    )
    loss = InfoNCE(0.1)
    found = validation_loss(loss, questions, queries, corpus, 5, seed=1)
    nothing = torch.zeros(5, 5, dtype=torch.bool)
    expected = loss(queries, corpus, torch.arange(5), nothing)
    assert found == pytest.approx(float(expected.detach()), rel=1e-5)
    both = InfoNCE(0.1, two_directions=True)
    there = validation_loss(both, questions, queries, corpus, 5, seed=1)
    assert there != pytest.approx(found, rel=1e-3)


def test_token_rows_are_the_tokenizers_rows(model_folder, monkeypatch):
    from codeindex_torch.training import data

    tokens = load_model(str(model_folder)).tokens()
    texts = ["read the file", "", "sort " * 200, "größe 🦊"]
    monkeypatch.setattr(data, "TEXTS_PER_ROUND", 3)
    rows = TokenRows.of(tokens, texts)
    assert [rows[place] for place in range(len(rows))] == tokens.ids(texts)
    assert max(len(rows[place]) for place in range(4)) == tokens.max_length
    prompted = TokenRows.of(tokens, texts, "query: ")
    assert prompted[0] == tokens.ids(["query: read the file"])[0]
    pairs = [Pair("a", "b", ("x", "y")), Pair("c", "d"), Pair("e", "f", ("z",))]
    encoded = Encoded.of(pairs, tokens, ("q ", "c "))
    assert encoded.negatives_of([2, 0]) == [2, 0, 1]
    assert [encoded.negatives[place] for place in range(3)] == tokens.ids(["c x", "c y", "c z"])
