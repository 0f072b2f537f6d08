"""What must be true after a command was killed, and after it was repeated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.frame.process import codeindex
from benchmarks.reliability.commands import Command, Place
from benchmarks.reliability.running import Run
from benchmarks.reliability.states import State, disagreement, read_state, strays
from codeindex import Index
from codeindex.errors import CodeIndexError
from codeindex.host import Host
from codeindex.location import is_index

QUERY = "decode a header of a mail"


def examine(
    command: Command, place: Place, run: Run, host: Host, *, search_first: bool
) -> Iterator[str]:
    """What is wrong after a kill, one line each; repeats the command.

    Args:
        search_first: it is searched before, which finishes what was left to do.
    """
    yield from _after_kill(command, place, run, host)
    if search_first:
        yield from _searched(place.index, host)
    done = run(command.argv(place))
    if done.code and not any(text in done.text for text in command.refusals):
        yield f"repeated, it failed: {done.text}".strip()
    if done.code and command.after:
        # It had been carried out. What it left behind goes with the next run that writes.
        done = run(codeindex("optimize", place.index))
        if done.code:
            yield f"optimize fails: {done.text}".strip()
    yield from _at_the_end(command, place, run, host)


def _after_kill(command: Command, place: Place, run: Run, host: Host) -> Iterator[str]:
    for folder in (place.index, place.made):
        if is_index(folder):
            done = run(codeindex("status", "--index", folder, "--json"))
            if done.code:
                yield f"status fails: {done.text}".strip()
    state = read_state(place.index, host)
    if not command.before & command.after <= state <= command.before | command.after:
        yield "right after the kill, the index is neither the old one nor the new one"
    # What it makes beside is whole or not there, and looks like what it is.
    if command.made is not None and is_index(place.made):
        yield from _sound(place.made, command.made, host)
    if command.name == "pack" and place.pack.exists():
        yield from _verified(place.pack, run)


def _at_the_end(command: Command, place: Place, run: Run, host: Host) -> Iterator[str]:
    if command.after:
        yield from _searched(place.index, host)
        yield from _sound(place.index, command.after, host)
    if command.made is not None:
        yield from _sound(place.made, command.made, host)
    if command.name == "pack":
        yield from _verified(place.pack, run)
    expected = {place.index.name, place.made.name, place.pack.name, place.temporary.name}
    names = sorted(path.name for path in place.folder.iterdir())
    left = [name for name in names if name not in expected]
    left += [f"in the system's folder: {path.name}" for path in place.temporary.iterdir()]
    for folder in (place.index, place.made):
        left += strays(folder, host) if is_index(folder) else []
    if left:
        yield f"left behind: {', '.join(left)}"


def _searched(folder: Path, host: Host) -> Iterator[str]:
    """An index that holds nothing yet has to say so, any other one has to find something."""
    if not is_index(folder):
        return
    empty = not read_state(folder, host)
    try:
        with Index.open(index=folder, host=host) as index:
            if not index.search(QUERY):
                yield "a search finds nothing"
    except CodeIndexError as error:
        if not (empty and "holds nothing yet" in str(error)):
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


def _verified(pack: Path, run: Run) -> Iterator[str]:
    done = run(codeindex("verify", pack))
    if done.code:
        yield f"verify: {done.text}".strip()
