"""A few kills of every command that writes; ``python -m benchmarks run crash`` has more."""

from __future__ import annotations

import pytest
from killed import NAMES, Scene

KILLS = 5


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = Scene("faiss", tmp_path_factory.mktemp("scene"))
    yield made
    made.close()


@pytest.mark.parametrize("name", NAMES)
def test_killed_at_any_step_nothing_is_lost_doubled_or_left_behind(scene, name, monkeypatch):
    assert scene.problems(name, KILLS, monkeypatch) == []
