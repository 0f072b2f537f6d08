"""Running whole processes and measuring them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.01


def codeindex(*arguments: str | Path) -> list[str]:
    """The command line of the installed ``codeindex``."""
    return [str(Path(sysconfig.get_path("scripts")) / "codeindex"), *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """What a user's shell would give: no variable that turns byte code or caches off."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "CODEINDEX_INDEX", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if key not in unwanted}
    return {**kept, **changes}


def run(argv: Sequence[str], env: Mapping[str, str] | None = None, stdin: str = "") -> str:
    """Runs to the end; its standard output.

    Raises:
        SystemExit: it failed; the message has what it printed.
    """
    done = subprocess.run(
        argv,
        env=dict(env or environment()),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(argv)} failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return done.stdout


def timed(argv: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Wall seconds of a whole process, from its start to its end."""
    variables = dict(env or environment())
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        done = subprocess.run(
            argv, env=variables, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        elapsed = time.perf_counter() - started
        output.seek(0)
        if done.returncode:
            text = output.read().decode(errors="replace")
            sys.exit(f"{' '.join(argv)} failed ({done.returncode}):\n{text}")
    return elapsed


def alternating(
    runs: Mapping[str, Callable[[], float]], repeats: int, warmup: int = 1
) -> dict[str, list[float]]:
    """Runs A B A B …; the figures of each, those of the first `warmup` rounds thrown away."""
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(-warmup, repeats):
        for name, once in runs.items():
            value = once()
            if repeat >= 0:
                samples[name].append(value)
    return samples


def peak_memory_mb(argv: Sequence[str]) -> float:
    """Peak memory in MB of a process and its children together.

    The proportional set size is summed, so that pages that they share count once. Sampled
    every 10 ms or so: a shorter peak may be missed.
    """
    with tempfile.TemporaryFile() as output:
        process = psutil.Popen(argv, env=environment(), stdout=output, stderr=output)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _tree_bytes(process))
            time.sleep(_SAMPLE_SECONDS)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(argv)} failed:\n{output.read().decode(errors='replace')}")
    return peak / 1e6


def _tree_bytes(process: psutil.Process) -> int:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            info = member.memory_full_info()
            total += getattr(info, "pss", info.rss)
        except psutil.Error:
            continue  # it ended meanwhile
    return total
