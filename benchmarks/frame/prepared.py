"""The standard library indexed by both tools, for what is measured on a warm index."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Settings
from benchmarks.frame.peer import Peer
from benchmarks.frame.process import codeindex, run


@dataclass(frozen=True)
class Prepared:
    """Where things are.

    Attributes:
        tree: what is indexed.
        index: codeindex's index of it.
        home: where semble keeps its own.
    """

    tree: Path
    index: Path
    peer: Peer
    home: Path


@contextmanager
def indexed_stdlib(settings: Settings) -> Iterator[Prepared]:
    """Both indexes, deleted at the end."""
    peer = Peer(settings.cache)
    tree = corpora.stdlib(settings.cache, quick=settings.quick)
    with tempfile.TemporaryDirectory() as scratch:
        index, home = Path(scratch) / "index", Path(scratch) / "home"
        run(codeindex("index", tree, "--index", index))
        run(peer.search("parse a date string", tree), peer.environment(home))
        yield Prepared(tree, index, peer, home)
