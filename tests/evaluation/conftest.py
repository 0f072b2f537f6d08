"""Fixtures of the tests of evaluation."""

from __future__ import annotations

import pytest
from eval_trees import code_tree, indexed, python_host


@pytest.fixture
def code(tmp_path):
    return code_tree(tmp_path / "code")


@pytest.fixture
def index(code, toys):
    with indexed(code, python_host(toys)) as opened:
        yield opened
