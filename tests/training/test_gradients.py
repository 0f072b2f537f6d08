"""Gradients computed in pieces, cached or not, are those of the whole batch."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from training_toys import paper_pairs

from codeindex_torch.loading import load_model
from codeindex_torch.training import gradients as module
from codeindex_torch.training.data import Encoded
from codeindex_torch.training.gradients import BatchGradients
from codeindex_torch.training.loss import InfoNCE
from codeindex_torch.training.starting import two_towers

CPU = torch.device("cpu")


def setup(folder, pairs, *, towers="two", two_directions=False, chunk_size=0):
    model = load_model(str(folder), pooling="mean")
    if towers == "two":
        model = two_towers(model)
    loss = InfoNCE(0.1, learn=True, two_directions=two_directions)
    tokens = model.tokens()
    data = Encoded.of(pairs, tokens)
    gradients = BatchGradients(model.dual, loss, tokens, CPU, nullcontext, chunk_size)
    model.dual.train()
    return model, loss, data, gradients


def collected(model, loss):
    named = [*model.dual.named_parameters(), ("log_scale", loss.log_scale)]
    return {name: value.grad.clone() for name, value in named if value.grad is not None}


def close(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        largest = float(expected[name].abs().max())
        difference = float((found[name] - expected[name]).abs().max())
        assert difference <= 1e-6 + 2e-4 * largest, f"{name}: {difference} of {largest}"


def one_padded_batch(folder, pairs, batch, *, two_directions):
    """The oracle: all texts padded to the longest, one pass, the loss by its formula."""
    model, loss, data, _ = setup(folder, pairs, two_directions=two_directions)
    dual, tokens = model.dual, model.tokens()
    anchors = dual.query(*tokens.padded([data.anchors[pair] for pair in batch], CPU))
    positives = dual.corpus(*tokens.padded([data.positives[pair] for pair in batch], CPU))
    keys = data.keys.at(batch)
    same = keys.conflicts(keys) & ~torch.eye(len(batch), dtype=torch.bool)
    logits = (anchors @ positives.T * loss.log_scale.exp()).masked_fill(same, float("-inf"))
    targets = torch.arange(len(batch))
    value = torch.nn.functional.cross_entropy(logits, targets)
    if two_directions:
        value = (value + torch.nn.functional.cross_entropy(logits.T, targets)) / 2
    value.backward()
    return float(value.detach()), collected(model, loss)


@pytest.mark.parametrize("two_directions", [False, True])
@pytest.mark.parametrize("chunk_size", [0, 1, 5])
def test_pieces_give_the_gradient_of_one_padded_batch(calm_folder, chunk_size, two_directions):
    pairs = paper_pairs(papers=7)
    batch = [9, 2, 0, 13, 5, 8, 1, 11]  # 0 and 1, 8 and 9 are of one paper
    expected_loss, expected = one_padded_batch(
        calm_folder, pairs, batch, two_directions=two_directions
    )
    model, loss, data, gradients = setup(
        calm_folder, pairs, two_directions=two_directions, chunk_size=chunk_size
    )
    found = gradients.add(data, batch)
    assert found == pytest.approx(expected_loss, rel=1e-5)
    close(collected(model, loss), expected)


def test_a_batch_of_512_in_chunks_of_16_is_a_true_batch_of_512(calm_folder):
    pairs = paper_pairs(papers=256)
    batch = list(range(512))
    results = []
    for chunk_size in (0, 16):
        model, loss, data, gradients = setup(calm_folder, pairs, chunk_size=chunk_size)
        value = gradients.add(data, batch)
        results.append((value, collected(model, loss)))
    (true_loss, true), (cached_loss, cached) = results
    assert cached_loss == pytest.approx(true_loss, rel=1e-5)
    close(cached, true)


def test_caching_repeats_the_dropout_of_the_first_pass(model_folder, monkeypatch):
    pairs = paper_pairs(papers=8)
    seen = []
    plain = BatchGradients._encode
    monkeypatch.setattr(
        BatchGradients,
        "_encode",
        lambda self, piece: seen.append(plain(self, piece)) or seen[-1],
    )
    *_, data, gradients = setup(model_folder, pairs, chunk_size=3)
    torch.manual_seed(1)
    gradients.add(data, list(range(12)))
    first, again = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert len(first) == len(again) >= 8
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other.detach())
    monkeypatch.setattr(module, "_set_random_state", lambda *arguments: None)
    seen.clear()
    gradients.add(data, list(range(12)))
    half = len(seen) // 2
    assert not torch.equal(seen[0], seen[half].detach()), "dropout was on"


def test_after_caching_the_random_numbers_go_on_as_after_one_pass(model_folder):
    pairs = paper_pairs(papers=6)
    following = []
    for chunk_size in (0, 4):
        *_, data, gradients = setup(model_folder, pairs, chunk_size=chunk_size)
        torch.manual_seed(5)
        if chunk_size:
            gradients.add(data, list(range(4)))
        else:
            pieces, _ = BatchGradients._pieces(gradients, data, list(range(4)))
            for piece in pieces:
                gradients._encode(piece)
        following.append(float(torch.rand(1)))
    assert following[0] == following[1]


def test_hard_negatives_count_and_false_ones_do_not(calm_folder):
    pairs = paper_pairs(papers=4, files=1)
    hard = replace(pairs[0], negatives=("def retry cache lock", "def sum mean count"))
    false = replace(pairs[0], negatives=(pairs[0].positive, pairs[0].positive + " "))
    batch = [0, 1, 2, 3]
    values = {}
    for name, first in (("none", pairs[0]), ("hard", hard), ("false", false)):
        _, _, data, gradients = setup(calm_folder, [first, *pairs[1:]])
        values[name] = gradients.add(data, batch)
    assert values["hard"] > values["none"]
    # Its own positive is masked for the pair itself; for the others it is one more candidate.
    own, others = InfoNCE(0.1), [pair.positive for pair in pairs]
    model, _, data, _ = setup(calm_folder, pairs)
    dual, tokens = model.dual, model.tokens()
    anchors = dual.query(*tokens.padded([data.anchors[pair] for pair in batch], CPU))
    texts = [*others, others[0], others[0] + " "]
    candidates = dual.corpus(*tokens.padded(tokens.ids(texts), CPU))
    masked = torch.zeros(4, 6, dtype=torch.bool)
    masked[0, 4:] = True
    expected = own(anchors, candidates, torch.arange(4), masked)
    assert values["false"] == pytest.approx(float(expected.detach()), rel=1e-5)


def test_weights_add_up_to_one_large_step(calm_folder):
    pairs = paper_pairs(papers=6, files=1)
    model, loss, data, gradients = setup(calm_folder, pairs)
    gradients.add(data, [0, 1, 2], 0.5)
    gradients.add(data, [3, 4, 5], 0.5)
    together = collected(model, loss)
    separate = []
    for batch in ([0, 1, 2], [3, 4, 5]):
        model, loss, data, gradients = setup(calm_folder, pairs)
        gradients.add(data, batch)
        separate.append(collected(model, loss))
    mean = {name: (separate[0][name] + separate[1][name]) / 2 for name in separate[0]}
    close(together, mean)
