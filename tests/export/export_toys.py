"""Pairs to check with, and texts of many lengths, in the tiny models' words."""

from __future__ import annotations

import json
import random

from tiny_models import WORDS


def pairs(count: int = 60, seed: int = 0) -> list[dict[str, str]]:
    choose = random.Random(seed)
    rows = []
    for number in range(count):
        topic = choose.sample(WORDS, 4)
        rows.append(
            {
                "anchor": " ".join(topic),
                "positive": f"def f{number} "
                + " ".join(choose.choices(topic, k=choose.randrange(3, 40))),
            }
        )
    return rows


def write_pairs(path, count: int = 60):
    path.write_text(json.dumps(pairs(count)))
    return path


def texts(count: int = 40, seed: int = 1) -> list[str]:
    """Empty, one word, longer than any model reads, and all between, not sorted."""
    choose = random.Random(seed)
    lengths = [0, 1, 200, *(choose.randrange(1, 60) for _ in range(count - 3))]
    return [" ".join(choose.choices(WORDS, k=length)) for length in lengths]
