"""Pairs that a tiny model can learn."""

from __future__ import annotations

import json
import random

from tiny_models import WORDS

from codeindex.pairs import Pair


def paper_pairs(papers: int = 24, files: int = 2, seed: int = 0) -> list[Pair]:
    """Each paper has words of its own, which its files repeat among others."""
    choose = random.Random(seed)
    pairs = []
    for paper in range(papers):
        topic = choose.sample(WORDS, 5)
        for file in range(files):
            code = choose.sample(topic, 5) + choose.sample(WORDS, 3 * file)
            pairs.append(
                Pair(
                    f"p{paper} " + " ".join(choose.sample(topic, 4)),
                    f"def f{paper}x{file} " + " ".join(code),
                    metadata={
                        "arxiv_id": f"2401.{paper:05}",
                        "repo_url": f"https://example.org/r{paper}",
                        "code_file_path": f"f{file}.py",
                    },
                )
            )
    return pairs


def write_pairs(path, pairs):
    rows = [
        {
            "anchor": pair.anchor,
            "positive": pair.positive,
            "negative": list(pair.negatives),
            "metadata": dict(pair.metadata),
        }
        for pair in pairs
    ]
    path.write_text(json.dumps(rows))
    return path
