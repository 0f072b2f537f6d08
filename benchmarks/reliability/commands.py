"""The commands that are killed: what each starts from, and what is to be there at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame.process import codeindex
from benchmarks.reliability.running import Run, run_well
from benchmarks.reliability.states import State, read_state
from benchmarks.reliability.trees import put, versions
from codeindex.host import Host

REMOVED = "email/**"
_OPTIONS = {"faiss": ("-B", "type=hnsw"), "qdrant-edge": ()}
_OTHER = {"faiss": "qdrant-edge", "qdrant-edge": "faiss"}


@dataclass(frozen=True)
class Place:
    """The folder of one trial.

    Attributes:
        folder: holds nothing but what is named here.
    """

    folder: Path

    @property
    def index(self) -> Path:
        """The index that the command is about."""
        return self.folder / "index"

    @property
    def made(self) -> Path:
        """The index that it makes beside that: a copy, or an unpacked one."""
        return self.folder / "made"

    @property
    def temporary(self) -> Path:
        """What takes the place of the system's folder for temporary files."""
        return self.folder / "temporary"

    @property
    def pack(self) -> Path:
        """The pack that is written, or read."""
        return self.folder / "index.pack"


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        start: what lies in the trial's folder before it runs.
        tree: the version of the sources that is checked out.
        argv: what is run.
        before, after: what the index holds.
        made: what the index that it makes beside holds; None where it makes none.
        refusals: what it may say when it is repeated although it had been carried out.
    """

    name: str
    start: Callable[[Place], object]
    tree: Path
    argv: Callable[[Place], list[str]]
    before: State
    after: State
    made: State | None = None
    refusals: Sequence[str] = ()


def commands(backend: str, scratch: Path, host: Host, run: Run) -> list[Command]:
    """Every command on one backend.

    Args:
        scratch: an empty folder, in which trees and indexes to start from are made.
        run: makes those.
    """
    return _Starts(backend, scratch, host, run).commands()


def prepared(command: Command, scratch: Path, name: str) -> Place:
    """The folder of a trial, with what the command starts from; its tree is checked out."""
    place = Place(scratch / "trials" / name)
    place.temporary.mkdir(parents=True)
    put(command.tree, scratch / "tree")
    command.start(place)
    return place


class _Starts:
    """Trees in two versions, and indexes of them."""

    def __init__(self, backend: str, scratch: Path, host: Host, run: Run) -> None:
        self._backend, self._scratch, self._host, self._run = backend, scratch, host, run
        self._tree = scratch / "tree"
        self._versions = versions(scratch)
        self._first = self._indexed("one", self._versions[0])
        self._second = self._indexed("two", self._versions[1])
        self._grown = self._start("grown")
        shutil.copytree(self._first, self._grown)
        put(self._versions[1], self._tree)
        self._do("--quiet", "index", self._tree, "--index", self._grown, "--no-optimize")
        self._other = self._start("other")
        self._do("copy", self._first, "--to", _OTHER[backend], "-o", self._other)
        self._pack = scratch / "first.pack"
        self._do("pack", self._first, "-o", self._pack)

    def _do(self, *arguments: str | Path) -> None:
        run_well(self._run, codeindex(*arguments))

    def _indexed(self, name: str, version: Path) -> Path:
        put(version, self._tree)
        index = self._start(name)
        run_well(self._run, self._index(index))
        return index

    def _start(self, name: str) -> Path:
        """As deep as the trials: an index knows its sources by their place relative to itself."""
        place = Place(self._scratch / "starts" / name)
        place.folder.mkdir(parents=True)
        return place.index

    def _index(self, index: Path) -> list[str]:
        options = ("--backend", self._backend, *_OPTIONS[self._backend])
        return codeindex("--quiet", "index", self._tree, "--index", index, "--yes", *options)

    def commands(self) -> list[Command]:
        nothing: State = frozenset()
        first = read_state(self._first, self._host)
        second = read_state(self._second, self._host)
        assert first != second
        kept = frozenset(snippet for snippet in first if not snippet[0].startswith("email/"))
        one, two = self._versions
        from_first, from_grown = _copied(self._first), _copied(self._grown)
        new = ("--to", self._backend, *_OPTIONS[self._backend])
        return [
            Command("index", _nothing, one, lambda p: self._index(p.index), nothing, first),
            Command(
                "index, of a changed tree",
                from_first,
                two,
                lambda p: self._index(p.index),
                first,
                second,
            ),
            Command(
                "remove",
                from_first,
                one,
                lambda p: codeindex("remove", REMOVED, "--index", p.index),
                first,
                kept,
                refusals=("no source in the index matches",),
            ),
            Command(
                "optimize",
                from_grown,
                two,
                lambda p: codeindex("optimize", p.index),
                second,
                second,
            ),
            Command(
                "rebuild", from_grown, two, lambda p: codeindex("rebuild", p.index), second, second
            ),
            Command(
                "copy",
                _copied(self._other),
                one,
                lambda p: codeindex("copy", p.index, *new, "-o", p.made),
                first,
                first,
                made=first,
                refusals=("holds an index already",),
            ),
            Command(
                "pack",
                from_first,
                one,
                lambda p: codeindex("pack", p.index, "-o", p.pack),
                first,
                first,
                refusals=("is there already",),
            ),
            Command(
                "unpack",
                lambda p: shutil.copyfile(self._pack, p.pack),
                one,
                lambda p: codeindex("unpack", p.pack, "-o", p.made),
                nothing,
                nothing,
                made=first,
                refusals=("is not empty",),
            ),
        ]


def _copied(index: Path) -> Callable[[Place], object]:
    return lambda place: shutil.copytree(index, place.index)


def _nothing(place: Place) -> None:
    """A first run starts from nothing."""
