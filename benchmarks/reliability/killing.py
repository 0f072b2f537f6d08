"""``kill -9`` of a running command after so many seconds."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

_PATIENCE = 30.0  # seconds that processes of a killed one may take to end


@dataclass(frozen=True)
class Killing:
    """What became of a run.

    Attributes:
        in_time: it was killed before it ended.
        alive: processes that it had started and that went on without it.
    """

    in_time: bool
    alive: list[str] = field(default_factory=list)


def kill(argv: Sequence[str], env: Mapping[str, str], after: float) -> Killing:
    """Starts a command, and kills its first process after so many seconds."""
    process = psutil.Popen(
        argv, env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(after)
    family = _descendants(process)
    process.kill()
    in_time = process.wait() == -9
    _, left = psutil.wait_procs(family, timeout=_PATIENCE)
    alive = [_named(member) for member in left]
    for member in left:
        member.kill()
    return Killing(in_time, alive)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return found


def _named(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return str(process.pid)
