"""The command line: ``python -m benchmarks.ranking``: fits, and measures what each signal earns."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.frame.results import FOLDER
from benchmarks.ranking.asking import Case
from benchmarks.ranking.calibration import calibration_error, judged, logistic, probabilities
from benchmarks.ranking.data import DOCUMENTED, Data, collected
from benchmarks.ranking.fitting import fitted, with_weight
from benchmarks.ranking.tried import Tried, means
from codeindex.ranking.confidence import FITTED
from codeindex.ranking.mode import Mode
from codeindex.ranking.weights import Weights

_PER_FILE = (1, 2, 3, 4, 5)
_SHARES = (0.25, 0.35, 0.45)


@click.command()
@click.option("--fit", is_flag=True, help="Fit the weights anew first, from those in use.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path(
        os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "codeindex-benchmarks"
    ),
    show_default="~/.cache/codeindex-benchmarks",
    help="Where packages and indexes are kept.",
)
def main(fit: bool, cache: Path) -> None:
    """Measure what each signal of the ranking earns, and how sure the confidence is rightly.

    Writes results/details/ranking.json. Needs the packages of the worked example.
    """
    data = collected(cache.absolute(), click.echo)
    documented, asked = [[Tried(c) for c in part] for part in (data.documented, data.asked)]
    random.Random(1).shuffle(documented)  # noqa: S311
    weights = Weights()
    if fit:
        weights = fitted(documented[:500], asked, weights, click.echo)
    result = {
        "fitted_on": {
            "docstrings": {"packages": DOCUMENTED, "questions": len(documented)},
            "questions": {
                "packages": sorted({c.package for c in data.asked}),
                "questions": len(asked),
            },
        },
        "weights": _of(weights),
        "ndcg@10": _ablation(documented, asked, weights),
        "confidence": _calibrated(data, weights),
    }
    path = FOLDER / "details" / "ranking.json"
    path.write_text(json.dumps(result, indent=1, default=str) + "\n", "utf-8")
    click.echo(json.dumps(result, indent=1, default=str))


def _of(weights: Weights) -> dict[str, float]:
    halves = {"dense": weights.dense, "dense_symbolic": weights.dense_symbolic}
    return halves | {str(name): value for name, value in weights.signals.items()}


def _ablation(
    documented: list[Tried], asked: list[Tried], weights: Weights
) -> dict[str, dict[str, float]]:
    """Of each way to rank: docstring → function, docstring → file, question → file."""
    bare = replace(weights, signals={})

    def measured(of: Weights, mode: Mode = Mode.HYBRID, per_file: int = 0) -> dict[str, float]:
        functions, files = means(documented, of, mode, per_file)
        answers = means(asked, of, mode, per_file)[1]
        return _rounded(functions, files, answers)

    rows = {f"{mode}, no signals": measured(bare, mode) for mode in Mode}
    others: dict[str, Callable[[Tried], Any]] = {"reciprocal ranks": Tried.by_ranks}
    for share in _SHARES:
        others[f"cosines by the best, {share} dense"] = partial(_by_the_best, share=share)
    for name, way in others.items():
        functions, files = np.mean([one.quality(way(one)) for one in documented], axis=0)
        answers = np.mean([one.quality(way(one))[1] for one in asked])
        rows[f"{name}, no signals"] = _rounded(functions, files, float(answers))
    rows |= {f"{mode}, all signals": measured(weights, mode) for mode in Mode}
    for name in weights.signals:
        rows[f"without {name}"] = measured(with_weight(weights, name, 0.0))
    for limit in _PER_FILE:
        rows[f"at most {limit} of a file"] = measured(weights, per_file=limit)
    return rows


def _by_the_best(case: Tried, share: float) -> Any:
    return case.by_the_best(share)


def _rounded(functions: float, files: float, answers: float) -> dict[str, float]:
    names = ("docstring_function", "docstring_file", "question_file")
    values = (functions, files, answers)
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


def _calibrated(data: Data, weights: Weights) -> dict[str, Any]:
    """The model of each mode, and its error on packages that it was not fitted on, both ways."""
    packages = sorted({case.package for case in data.asked})
    halves = (packages[::2], packages[1::2])
    known = [*data.asked, *data.unanswerable]
    found: dict[str, Any] = {}
    for mode in Mode:
        parts = [judged(_within(known, half), mode, weights) for half in halves]
        errors = [
            calibration_error(probabilities(there, logistic(here)), there.right)
            for here, there in (parts, parts[::-1])
        ]
        everything = judged(known, mode, weights)
        sure = probabilities(everything, FITTED[mode])
        found[mode] = {
            "fitted": {k: round(v, 3) for k, v in asdict(logistic(everything)).items()},
            "in_use": asdict(FITTED[mode]),
            "ece_on_other_packages": [round(error, 4) for error in errors],
            "ece_in_use": round(calibration_error(sure, everything.right), 4),
            "right": round(float(everything.right.mean()), 4),
        }
    return found


def _within(known: list[Case], packages: list[str]) -> list[Case]:
    return [case for case in known if case.package in packages]


if __name__ == "__main__":
    main()
