"""``kill -9`` at random moments of every command that writes: nothing may be lost or doubled."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.process import environment, timed
from benchmarks.reliability.commands import Command, commands, prepared
from benchmarks.reliability.examining import examine
from benchmarks.reliability.killing import kill
from benchmarks.reliability.running import in_a_process
from codeindex.host import Host

SEED = 20
BACKENDS = ("faiss", "qdrant-edge")
TRIALS, QUICK_TRIALS = 200, 16


def measure(settings: Settings) -> list[Measure]:
    """Kills index (of a new and of a changed tree), remove, optimize, rebuild, copy, pack, unpack.

    After each kill, what is there must open, and hold the old state, the new, or what lies
    between; the command, repeated, must end with exactly the new, and leave nothing else behind.
    """
    trials = (QUICK_TRIALS if settings.quick else TRIALS) // len(BACKENDS)
    return [_measure(backend, trials) for backend in BACKENDS]


def _measure(backend: str, trials: int) -> Measure:
    chance = random.Random(f"{SEED} {backend}")  # noqa: S311
    host = Host.load()
    failures: list[str] = []
    killed = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        chosen = commands(backend, scratch, host, in_a_process(environment()))
        durations = [_duration(command, scratch) for command in chosen]
        for number in range(trials):
            command = chosen[number % len(chosen)]
            latest = durations[number % len(chosen)]
            place = prepared(command, scratch, f"trial-{number}")
            env = environment(TMPDIR=str(place.temporary))
            after = chance.uniform(0, latest)
            done = kill(command.argv(place), env, after)
            killed += done.in_time
            found = [f"{name} went on without its parent" for name in done.alive]
            search_first = number // len(chosen) % 2 == 1
            run = in_a_process(env)
            found += examine(command, place, run, host, search_first=search_first)
            for failure in found:
                failures.append(f"{backend}, {command.name}, after {after:.3f} s: {failure}")
                print(f"  {failures[-1]}", flush=True)
            shutil.rmtree(place.folder)
    return Measure(
        f"`kill -9` on `{backend}`, {trials} times: failures",
        len(failures),
        "failures",
        0,
        f"{killed} runs of {', '.join(dict.fromkeys(c.name.split(',')[0] for c in chosen))}"
        " were killed before they ended",
        {"killed": [killed], "trials": [trials]},
    )


def _duration(command: Command, scratch: Path) -> float:
    place = prepared(command, scratch, "timed")
    duration = timed(command.argv(place), environment(TMPDIR=str(place.temporary)))
    shutil.rmtree(place.folder)
    return duration


BENCHMARK = Benchmark("crash", "kill -9 at random moments of every command that writes", measure)
