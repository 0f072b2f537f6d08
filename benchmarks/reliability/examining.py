"""What must be true after a command was killed, and after it was repeated."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.frame.process import codeindex
from benchmarks.reliability.commands import Command, Place
from benchmarks.reliability.states import State, disagreement, read_state, strays
from codeindex import Index
from codeindex.errors import CodeIndexError
from codeindex.host import Host
from codeindex.location import is_index

QUERY = "decode a header of a mail"
_SEARCH = 1  # every other trial searches before the command is repeated


def examine(
    command: Command, place: Place, env: Mapping[str, str], host: Host, number: int
) -> Iterator[str]:
    """What is wrong after a kill, one line each; repeats the command."""
    yield from _after_kill(command, place, env, host)
    if number % 2 == _SEARCH:
        yield from _searched(place.index, host)
    done = _run(command.argv(place), env)
    if done.returncode and not any(text in done.stderr for text in command.refusals):
        yield f"repeated, it failed: {done.stdout}{done.stderr}".strip()
    yield from _at_the_end(command, place, env, host)


def _after_kill(
    command: Command, place: Place, env: Mapping[str, str], host: Host
) -> Iterator[str]:
    for folder in (place.index, place.made):
        if is_index(folder):
            done = _run(codeindex("status", "--index", folder, "--json"), env)
            if done.returncode:
                yield f"status fails: {done.stdout}{done.stderr}".strip()
    state = read_state(place.index, host)
    if not command.before & command.after <= state <= command.before | command.after:
        yield "right after the kill, the index is neither the old one nor the new one"
    # What it makes beside is whole or not there, and looks like what it is.
    if command.made is not None and is_index(place.made):
        yield from _sound(place.made, command.made, host)
    if command.name == "pack" and place.pack.exists():
        yield from _verified(("verify", place.pack), env)


def _at_the_end(
    command: Command, place: Place, env: Mapping[str, str], host: Host
) -> Iterator[str]:
    if command.after:
        yield from _searched(place.index, host)
        yield from _sound(place.index, command.after, host)
    if command.made is not None:
        yield from _sound(place.made, command.made, host)
    if command.name == "pack":
        yield from _verified(("verify", place.pack), env)
    expected = {place.index.name, place.made.name, place.pack.name, "temporary"}
    names = sorted(path.name for path in place.folder.iterdir())
    left = [name for name in names if name not in expected]
    left += [f"in the system's folder: {path.name}" for path in temporary(place).iterdir()]
    for folder in (place.index, place.made):
        left += strays(folder, host) if is_index(folder) else []
    if left:
        yield f"left behind: {', '.join(left)}"


def temporary(place: Place) -> Path:
    """What takes the place of the system's folder for temporary files."""
    return place.folder / "temporary"


def _searched(folder: Path, host: Host) -> Iterator[str]:
    if not is_index(folder):
        return
    try:
        with Index.open(index=folder, host=host) as index:
            if not index.search(QUERY):
                yield "a search finds nothing"
    except CodeIndexError as error:
        yield f"it cannot be searched: {error}"


def _sound(folder: Path, expected: State, host: Host) -> Iterator[str]:
    try:
        with Index.open(index=folder, host=host) as index:
            yield from (f"verify: {problem}" for problem in index.verify().problems)
        different = disagreement(folder, host)
        if different:
            yield different
        state = read_state(folder, host)
    except CodeIndexError as error:
        yield f"it cannot be opened: {error}"
        return
    if state != expected:
        lost, extra = len(expected - state), len(state - expected)
        yield f"{lost} snippets are lost, {extra} are there that should not be"


def _verified(arguments: Sequence[str | Path], env: Mapping[str, str]) -> Iterator[str]:
    done = _run(codeindex(*arguments), env)
    if done.returncode:
        yield f"verify: {done.stdout}{done.stderr}".strip()


def _run(argv: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, env=dict(env), capture_output=True, text=True, check=False)
