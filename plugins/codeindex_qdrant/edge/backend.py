"""EdgeBackend: vectors in an embedded Qdrant shard, committed as immutable generations."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codeindex.files import scratch_beside
from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit
from codeindex.vectors import Embeddings, checked_embeddings
from codeindex_qdrant.edge import generation
from codeindex_qdrant.edge.filtering import engine_filter, tags
from codeindex_qdrant.edge.notes import Notes, Paths
from codeindex_qdrant.edge.optimising import optimize_elsewhere
from codeindex_qdrant.edge.shard import Shard
from codeindex_qdrant.edge.sparse import copy_tree
from codeindex_qdrant.edge.work import Work
from codeindex_qdrant.edge_spec import EdgeOptions

_WORTH_A_GRAPH = 20_000
"""Vectors up to which comparing all of them is fast enough."""

_QUERIES = 64
"""Queries in one call: the engine holds the interpreter's lock all the while."""


class EdgeBackend:
    """A shard of the engine, in one of two places.

    Until the first change it is a copy of the committed generation in the system's folder
    for temporary files, for searching. The first change makes a copy in the index folder,
    under a lock; `commit` makes a new generation of that.
    """

    def __init__(
        self, folder: Path, dim: int, files: Mapping[str, str], options: EdgeOptions
    ) -> None:
        """Opens the generation that `files` names, or an empty index.

        Raises:
            DamagedIndexError: a file is not what this backend wrote.
            StorageError: there is no room for temporary files.
        """
        self._folder = folder
        self._dim = dim
        self._options = options
        self._files = dict(files)
        self._work = Work(folder)
        self._shard: Shard | None = None
        self._notes = Notes()
        if files:
            self._shard = self._open_committed()

    def __len__(self) -> int:
        return self._notes.points if self._shard is None else len(self._shard)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        shard = self._opened()
        return shard.ids() if shard else []

    def facts(self) -> Mapping[str, Any]:
        """How the vectors are kept."""
        shard = self._opened()
        points = len(shard) if shard else 0
        indexed = min(points, shard.indexed) if shard else 0
        return {
            "type": "hnsw" if indexed else "exact",
            "points": points,
            "indexed_points": indexed,
            "segments": shard.segments if shard else 0,
            "changes_since_optimizing": self._notes.changes,
            "bytes": sum((self._folder / name).stat().st_size for name in self._files),
        }

    # -- searching ---------------------------------------------------------------------------

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits that satisfy `where`, best first, ties by id."""
        rows = checked_embeddings(queries, dim=self._dim)
        shard = self._opened()
        if k < 1 or shard is None or not len(shard):
            return [[] for _ in rows]
        allowed = engine_filter(where, self._notes.paths)
        return [
            hits
            for start in range(0, len(rows), _QUERIES)
            for hits in self._search(shard, rows[start : start + _QUERIES], k, allowed)
        ]

    def _search(self, shard: Shard, rows: Embeddings, k: int, allowed: Any) -> list[list[Hit]]:
        """Asks for more until no tie is cut off at the k-th place."""
        most = len(shard)
        wanted = min(k + 1, most)
        answers = shard.nearest(rows, wanted, allowed)
        open_ended = _tied(answers, k, wanted)
        while open_ended and wanted < most:
            wanted = min(2 * wanted, most)
            again = shard.nearest(rows[open_ended], wanted, allowed)
            for row, answer in zip(open_ended, again, strict=True):
                answers[row] = answer
            open_ended = [open_ended[row] for row in _tied(again, k, wanted)]
        return [
            [Hit(id, score) for score, id in sorted(answer, key=lambda hit: (-hit[0], hit[1]))[:k]]
            for answer in answers
        ]

    # -- changing ----------------------------------------------------------------------------

    def add(self, ids: Sequence[int], vectors: Embeddings, payloads: Sequence[Payload]) -> None:
        """Stores vectors (n, dim); an id that is there already is replaced.

        Raises:
            ValueError: wrong dim, a value that is not finite, an id that is negative or twice.
            IndexLockedError: another process has changes that it has not committed.
            StorageError: there is no room, or the folder cannot be written.
        """
        added = [int(id) for id in ids]
        rows = checked_embeddings(vectors, dim=self._dim, rows=len(added))
        if len(payloads) != len(added):
            raise ValueError(f"expected {len(added)} payloads, got {len(payloads)}")
        if min(added, default=0) < 0:
            raise ValueError(f"an id is negative: {min(added)}")
        if len(set(added)) != len(added):
            raise ValueError("an id is there twice")
        if not added:
            return
        shard = self._own()
        self._notes.paths.add(payload.path for payload in payloads)
        self._notes.changes += len(added)
        shard.upsert(added, rows, [tags(payload) for payload in payloads])

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets these ids; one that is not there is no error.

        Raises:
            IndexLockedError, StorageError: as `add`.
        """
        shard = self._opened()
        present = shard.present([int(id) for id in ids]) if shard else []
        if not present:
            return  # a copy for changing would be made for nothing
        shard = self._own()
        self._notes.changes += len(present)
        shard.delete(present)

    def commit(self) -> Mapping[str, str]:
        """Writes a new generation beside the old one, if anything changed.

        Raises:
            StorageError: the disk is full or the folder cannot be written; the old
                generation and the changes are as before.
        """
        if self._work.path is not None:
            if self._shard is not None:
                self._notes.points = len(self._shard)
                self._shard.flush()
                self._close_shard()  # opened again by whoever needs it next
            self._files = generation.write(self._work.path, self._folder, self._notes, self._files)
            self._work.leave()
        return dict(self._files)

    def close(self) -> None:
        """Frees what is held; what was not committed is lost."""
        self._close_shard()
        self._work.discard()

    # -- optimizing --------------------------------------------------------------------------

    def needs_optimizing(self) -> bool:
        """Whether there are many vectors, of which a fifth came or went since the last time."""
        points = len(self)
        return points > _WORTH_A_GRAPH and self._notes.changes > points / 5

    def optimize(self) -> None:
        """Builds HNSW graphs, in a process of its own: other threads may search meanwhile.

        Raises:
            IndexLockedError: another process has changes that it has not committed.
            StorageError: it failed or was killed; everything is as before.
        """
        shard = self._opened()
        if shard is None:
            return
        with self._work.renewed() as work:
            if self._work.path is None:
                generation.unpack_to_change(self._folder, self._files, work)
            else:
                shard.flush()
                copy_tree(self._work.path, work)
            paths = optimize_elsewhere(work, self._dim, self._options)
            # The old one is not closed: another thread may be searching it.
            self._shard = Shard.load(work, self._dim, self._options)
        self._notes = Notes(Paths.of(paths))

    # -- the shard ---------------------------------------------------------------------------

    def _opened(self) -> Shard | None:
        """The shard, open; None where there is nothing yet."""
        if self._shard is None:
            if self._work.path is not None:
                self._shard = Shard.load(self._work.path, self._dim, self._options)
            elif self._files:
                self._shard = self._open_committed()
        return self._shard

    def _open_committed(self) -> Shard:
        """Opens a copy of the committed generation that leaves nothing behind."""
        # The engine has open all that it needs when the folder goes again. That of a process
        # that is killed before goes with the next opening.
        with scratch_beside(Path(tempfile.gettempdir(), "codeindex-edge")) as scratch:
            self._notes = generation.unpack_to_search(self._folder, self._files, scratch)
            return Shard.load(scratch, self._dim, self._options)

    def _own(self) -> Shard:
        """The shard as it may be changed."""
        if self._work.path is None:
            with self._work.renewed() as work:
                if self._files:
                    self._notes = generation.unpack_to_change(self._folder, self._files, work)
                    self._shard = Shard.load(work, self._dim, self._options)
                else:
                    self._shard = Shard.create(work, self._dim, self._options)
            return self._shard
        if self._shard is None:
            self._shard = Shard.load(self._work.path, self._dim, self._options)
        return self._shard

    def _close_shard(self) -> None:
        if self._shard is not None:
            shard, self._shard = self._shard, None
            shard.close()


def _tied(answers: Sequence[Sequence[tuple[float, int]]], k: int, wanted: int) -> list[int]:
    """The answers whose k-th score is also that of the last one asked for."""
    return [
        row
        for row, answer in enumerate(answers)
        if len(answer) == wanted > k and answer[k - 1][0] == answer[-1][0]
    ]
