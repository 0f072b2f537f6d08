"""A tiny model and pairs that can be learned, for the tests of training."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny_model
from training_toys import paper_pairs, write_pairs


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Threads of a tiny model cost more than they give, the more so where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A RoBERTa with dropout."""
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def calm_folder(tmp_path_factory):
    """A RoBERTa without dropout, whose gradients can be compared."""
    return tiny_model(tmp_path_factory.mktemp("models") / "calm", dropout=0.0)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A BERT with word pieces, as a table is distilled from."""
    return tiny_model(tmp_path_factory.mktemp("models") / "bert", "bert")


@pytest.fixture
def pairs_file(tmp_path):
    return write_pairs(tmp_path / "pairs.json", paper_pairs())
