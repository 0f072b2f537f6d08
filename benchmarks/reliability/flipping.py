"""Flips bits of the files of an index and tells what became of it, crashes of the process too."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.frame.process import environment
from benchmarks.reliability.flip_worker import SAME, TOLD, WRONG

__all__ = ["SAME", "TOLD", "WRONG", "Flip", "flips", "outcomes", "worth_flipping"]

_PATIENCE = 120.0  # seconds for one flip
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Flip:
    """One bit of one file.

    Attributes:
        file: relative to the index.
        keep_time: size and time stay as they were: what the disk does, not a program.
        repair: it is to be repaired, too.
    """

    file: str
    offset: int
    bit: int
    keep_time: bool = False
    repair: bool = False


def worth_flipping(data: bytes, spread: int) -> list[int]:
    """Offsets of all bytes that are not zero or stand near one, and of some of the others.

    Args:
        spread: of these, every so manieth: files have large parts without anything.
    """
    near = 8
    chosen = set(range(0, len(data), spread))
    for offset, byte in enumerate(data):
        if byte:
            chosen.update(range(max(0, offset - near), min(len(data), offset + near + 1)))
    return sorted(chosen)


def flips(file: str, offsets: Sequence[int], *, keep_time: bool, repair_every: int) -> list[Flip]:
    """One bit of each byte, another one from byte to byte."""
    return [
        Flip(file, offset, offset % 8, keep_time, number % repair_every == 0)
        for number, offset in enumerate(offsets)
    ]


Outcome = tuple[Flip, Mapping[str, str]]
"""A flip, and what became of the index by it.

``verify``, ``search``, ``list`` and ``repair`` → `SAME` (as if nothing were wrong), `TOLD` (an
error in words), `WRONG` (other answers), or an exception by its name; where the process died,
``crash`` → in which step, and how.
"""


def outcomes(pristine: Path, work: Path, wanted: Sequence[Flip], processes: int) -> list[Outcome]:
    """What became of the index `pristine`, copied to folders beside `work`, by each flip."""
    parts = [(work.with_name(f"{work.name}-{n}"), wanted[n::processes]) for n in range(processes)]
    with ThreadPoolExecutor(processes) as threads:
        found = threads.map(lambda part: list(_outcomes(pristine, *part)), parts)
        return [outcome for part in found for outcome in part]


def _outcomes(pristine: Path, work: Path, wanted: Sequence[Flip]) -> Iterator[Outcome]:
    worker: _Worker | None = None
    try:
        for flip in wanted:
            worker = worker or _Worker(pristine, work)
            outcome, whole = worker.ask(flip)
            if not whole:
                outcome["crash"] = f"after {', '.join(outcome) or 'nothing'}: {worker.end()}"
                worker = None
            yield flip, outcome
    finally:
        if worker is not None:
            worker.end()


class _Worker:
    def __init__(self, pristine: Path, work: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reliability.flip_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(PYTHONPATH=str(_ROOT)),
            bufsize=0,
        )
        self._read = b""
        self._send({"pristine": str(pristine), "work": str(work)})

    def ask(self, flip: Flip) -> tuple[dict[str, str], bool]:
        """What became of it, step by step, and whether the process has lived to the end."""
        outcome: dict[str, str] = {}
        try:
            self._send(asdict(flip))
        except BrokenPipeError:
            return outcome, False
        while line := self._line():
            value = json.loads(line)
            if value is None:
                return outcome, True
            outcome[value[0]] = value[1]
        return outcome, False

    def _line(self) -> bytes:
        """The next line; nothing if the process has ended, or says nothing."""
        assert self._process.stdout is not None
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
            part = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            if not part:
                return b""
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _send(self, value: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    def end(self) -> str:
        """How it ended: by itself, or now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        ended = self._process.poll()
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        return "it hung" if ended is None else f"it ended with {ended}"
