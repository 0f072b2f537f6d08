"""``kill -9`` at random moments of indexing: nothing may be lost, doubled or left running."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.process import codeindex, environment, run, timed
from codeindex import Index

SEED = 20
_FOLDERS = ("utils", "forms", "template")

State = list[tuple[str, str, str, int, int, str]]
"""Every snippet of an index: path, kind, name, lines, code."""


def measure(settings: Settings) -> list[Measure]:
    """Half of the trials kill a first run, half one that brings an index to another version.

    After each, the index must open (or not be there yet); the next run must end with exactly
    the snippets of an index made in peace, and `verify` must find nothing.
    """
    trials = 10 if settings.quick else 100
    chance = random.Random(SEED)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        tree = scratch / "tree"
        versions = _versions(corpora.django(settings.cache), scratch)
        indexes = [_indexed(version, tree, scratch) for version in versions]
        expected = [_state_of(index) for index in indexes]
        assert expected[0] != expected[1]
        duration = timed(_index(tree, scratch / "timed"))
        failures: list[str] = []
        killed = 0
        for number in range(trials):
            index = scratch / f"trial-{number}"
            wanted = number % 2
            _put(versions[wanted], tree)
            latest = duration
            if number % 4 >= 2:  # a complete index of the other version, which is less to do
                shutil.copytree(indexes[1 - wanted], index)
                latest *= 0.6
            killed += _kill(_index(tree, index), chance.uniform(0, latest), failures)
            _examine(index, tree, expected[wanted], number, failures)
            shutil.rmtree(index)
    for failure in failures:
        print(f"  {failure}")
    return [
        Measure(
            f"`kill -9` during indexing, {trials} times: failures",
            len(failures),
            "failures",
            0,
            f"{killed} runs were killed before they ended",
            {"killed": [killed]},
        )
    ]


def _versions(source: Path, scratch: Path) -> tuple[Path, Path]:
    """A tree, and another state of it with edits, additions, moves and deletions."""
    first, second = scratch / "first", scratch / "second"
    for name in _FOLDERS:
        shutil.copytree(source / name, first / name)
    shutil.copytree(first, second)
    for number, path in enumerate(sorted(second.rglob("*.py"))):
        if number % 11 == 0:
            path.unlink()
        elif number % 13 == 0:
            path.rename(path.with_name(f"moved_{path.name}"))
        elif number % 7 == 0:
            path.write_text(f"{path.read_text()}\n\ndef added_{number}():\n    return {number}\n")
            (path.parent / f"new_{number}.py").write_text(f"def new_{number}():\n    pass\n")
    return first, second


def _put(version: Path, tree: Path) -> None:
    """Checks a version out, always at the same place."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(version, tree)


def _index(tree: Path, folder: Path) -> list[str]:
    return codeindex("--quiet", "index", tree, "--index", folder, "--yes")


def _indexed(version: Path, tree: Path, scratch: Path) -> Path:
    _put(version, tree)
    index = scratch / f"{version.name}-index"
    run(_index(tree, index))
    return index


def _state_of(folder: Path) -> State:
    with Index.open(index=folder) as index:
        return sorted(
            (s.path, s.kind, s.name, s.start_line, s.end_line, s.code) for s in index.snippets()
        )


def _kill(argv: list[str], after: float, failures: list[str]) -> int:
    """Kills the run after so many seconds; whether it was still running."""
    process = psutil.Popen(
        argv, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(after)
    try:
        family = process.children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    ended = process.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    failures.extend(f"process {child.pid} went on without its parent" for child in alive)
    return int(ended != 0)


def _examine(folder: Path, tree: Path, expected: State, number: int, failures: list[str]) -> None:
    def check(*arguments: str | Path) -> str:
        done = subprocess.run(
            codeindex(*arguments), env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            failures.append(f"trial {number}: {arguments[0]}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    if (folder / "catalog.sqlite").exists():
        check("status", "--index", folder, "--json")
    check("index", tree, "--index", folder, "--yes")
    report = json.loads(check("verify", "--index", folder, "--json") or "{}")
    if report.get("problems"):
        failures.append(f"trial {number}: {report['problems']}")
    if _state_of(folder) != expected:
        failures.append(f"trial {number}: snippets were lost or doubled")


BENCHMARK = Benchmark("crash", "kill -9 at random moments of indexing", measure)
