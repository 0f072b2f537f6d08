"""Kills a commit at each of its steps: a child process that ends at its n-th file operation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeindex.offers import InstalledPlugin
from codeindex.testing.contract import undecided

KILLED = 77
_MOST_STEPS = 60


@dataclass(frozen=True)
class Step:
    """What the child does: opens the backend at `files`, removes, adds, commits."""

    loaded: Sequence[InstalledPlugin]
    name: str
    options: Mapping[str, Any]
    dim: int
    files: Mapping[str, str]
    remove: Sequence[int]
    add: Sequence[int]


def kill_at_each_step(step: Step, folder: Path) -> Iterator[tuple[Path, str]]:
    """For every step of the commit: a copy of `folder` as it is after dying there, and where.

    Raises:
        Undecided: the plugin cannot be imported by another process.
    """
    if not step.loaded:
        undecided("the plugin is no module that another process could import")
    for number in range(1, _MOST_STEPS):
        copy = folder.with_name(f"{folder.name}-step-{number}")
        shutil.copytree(folder, copy)
        job = {
            "loaded": [list(plugin) for plugin in step.loaded],
            "name": step.name,
            "options": dict(step.options),
            "dim": step.dim,
            "folder": str(copy),
            "files": dict(step.files),
            "remove": list(step.remove),
            "add": list(step.add),
            "die_at": number,
        }
        done = subprocess.run(
            [sys.executable, "-P", "-m", "codeindex.testing.victim"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        if done.returncode == 0:
            shutil.rmtree(copy)
            return
        assert done.returncode == KILLED, f"the child failed: {done.stderr.strip()[-800:]}"
        yield copy, done.stderr.strip().splitlines()[-1]
        shutil.rmtree(copy)
