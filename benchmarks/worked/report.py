"""The worked run for the README, made from what it measured."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.frame import results

DETAILS = results.FOLDER / "details" / "finetune.json"


def markdown() -> str:
    """What was done, with which commands, and what came of it."""
    if not DETAILS.exists():
        return "Not run yet: `make bench-finetune`."
    facts = json.loads(DETAILS.read_text("utf-8"))
    data, epoch = facts["data"], facts["history"]["epochs"][-1]
    minutes = sum(item["seconds"] for item in facts["history"]["epochs"]) / 60
    sets = [name for name in facts if f"{name}, int8" in facts]
    lines = [
        f"all-MiniLM-L6-v2, fine-tuned for {minutes:.0f} minutes on two CPU cores"
        f" ({epoch['pairs_per_second']:.1f} pairs/s) on {data['train']:,} docstrings and functions"
        f" of [{data['packages_trained_on']} packages](benchmarks/worked/trained_on.txt), and"
        " measured on functions of"
        f" [{data['packages_held_out']} others](benchmarks/worked/held_out.txt), which it has not"
        " seen; what is nearly the same in both is left out. `make bench-finetune` does it again:",
        "",
        "```sh",
        "codeindex pairs code PACKAGES… --text index -o train.jsonl",
        _command(facts["train_options"]),
        "codeindex export checkpoints/code_encoder/best_model.pt -o my-encoder/ --max-length 256",
        "```",
        "",
        "| MRR | untuned | fine-tuned | 95 % interval of the gain | as int8 bundle |",
        "|---|---|---|---|---|",
        *(_row(name, facts[name], facts[f"{name}, int8"]) for name in sets),
        "",
        "![Loss and retrieval during training](benchmarks/results/finetune_curves.png)",
    ]
    return "\n".join(lines)


def _command(options: Sequence[str]) -> str:
    words = ["codeindex", "train", "train.jsonl", "--model", "all-MiniLM-L6-v2", *options]
    lines, line = [], ""
    for word in map(shlex.quote, words):
        if word.startswith("--") and len(line) > 70:
            lines.append(f"{line} \\")
            line = "   "
        line += f" {word}" if line else word
    return "\n".join([*lines, line])


def _row(name: str, tuned: Mapping[str, Any], served: Mapping[str, Any]) -> str:
    before, after = tuned["before"], tuned["after"]
    low, high = tuned["mrr_difference_interval_95"]
    asked = f"{name}: {before['queries']:,} questions over {before['pool']:,} functions"
    figures = [f"{before['mrr']:.3f}", f"{after['mrr']:.3f}"]
    best = int(after["mrr"] > before["mrr"])
    figures[best] = f"**{figures[best]}**"
    return (
        f"| {asked} | {' | '.join(figures)} | {low:+.3f} to {high:+.3f}"
        f" | {served['after']['mrr']:.3f} |"
    )
