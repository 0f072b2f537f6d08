"""Result files: what was measured, on what machine, with which versions, at which commit."""

from __future__ import annotations

import datetime
import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.peer import REQUIREMENT

FOLDER = Path(__file__).parents[1] / "results"
_PACKAGES = (
    *("codeindex", "accelerate", "click", "faiss-cpu", "numpy", "onnxruntime", "optimum-onnx"),
    *("pluggy", "tokenizers", "torch", "transformers"),
)


def record(benchmark: Benchmark, settings: Settings, measures: Sequence[Measure]) -> dict[str, Any]:
    """A result as JSON values. Names no host, no user and no path."""
    return {
        "benchmark": benchmark.name,
        "summary": benchmark.summary,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": bool(_git("status", "--porcelain", "--", "codeindex", "plugins")),
        "repeats": settings.repeats,
        "quick": settings.quick,
        "machine": {
            "processor": _processor(),
            "cores": psutil.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "versions": {name: _version(name) for name in _PACKAGES}
        | dict(pinned.split("==") for pinned in (REQUIREMENT, *benchmark.peers)),
        "measures": [{**asdict(measure), "met": measure.met} for measure in measures],
    }


def write(result: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Writes the result of one benchmark, in place of the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['benchmark']}.json"
    path.write_text(json.dumps(_rounded(result), indent=1) + "\n", "utf-8")
    return path


def read_all(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Every result that was written, by name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor()
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()
