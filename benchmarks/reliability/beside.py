"""A writer that never rests, and readers that check all that they find meanwhile."""

from __future__ import annotations

import random
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from benchmarks.reliability.board import Board
from benchmarks.reliability.marked import TOPICS, torn, version_of, write_version
from benchmarks.reliability.toy import ENCODER, toy_host
from codeindex import Index
from codeindex.searching import SearchResult

_REMOVE, _OPTIMIZE, _REBUILD = 7, 11, 17  # every so manieth step
_REOPEN, _STATUS = 60, 97  # every so manieth search
_MOST = 20  # problems that are kept


@dataclass
class Reading:
    """What a reader has seen.

    Attributes:
        queries: answered.
        unanswered: of them, those whose best answer was just being replaced, and was left out.
        problems: what must not be.
    """

    queries: int = 0
    unanswered: int = 0
    problems: list[str] = field(default_factory=list)

    def tell(self, problem: str) -> None:
        """Keeps a problem, unless there are many."""
        if len(self.problems) < _MOST:
            self.problems.append(problem)


@dataclass(frozen=True)
class Beside:
    """What became of readers beside a writer.

    Attributes:
        steps: of the writer: updates, removals, optimizing, rebuilding.
        problems: of all of them.
    """

    steps: int
    queries: int
    unanswered: int
    problems: Sequence[str]


def readers_beside_a_writer(
    scratch: Path,
    backend: str,
    options: Mapping[str, str],
    readers: int,
    go_on: Callable[[int], bool],
) -> Beside:
    """Runs as many readers, in processes of their own, beside a writer in this one.

    Args:
        scratch: an empty folder.
        go_on: whether the writer is to go on, after so many steps.
    """
    tree, folder, board = scratch / "tree", scratch / "index", Board(scratch / "board")
    tree.mkdir()
    host = toy_host()
    index = Index.open(
        tree,
        index=folder,
        create=True,
        encoder=ENCODER,
        backend=backend,
        backend_options=options,
        host=host,
    )
    with closing(index), ExitStack() as stack:
        writer = _Writer(index, tree, board)
        writer.begin()
        pool = stack.enter_context(ProcessPoolExecutor(readers, get_context("spawn")))
        stack.callback(board.stop)
        running = [pool.submit(read, folder, scratch / "board", n) for n in range(readers)]
        steps = 0
        while go_on(steps) and not any(future.done() for future in running):
            writer.step(steps)
            steps += 1
        board.stop()
        seen = [_result(future) for future in running]
    problems = [problem for reading in (*seen, writer.seen) for problem in reading.problems]
    return Beside(
        steps,
        sum(reading.queries for reading in seen),
        sum(reading.unanswered for reading in seen),
        problems,
    )


def _result(future: Future[Reading]) -> Reading:
    try:
        return future.result()
    except Exception as error:
        return Reading(problems=[f"a reader died: {error!r}"])


class _Writer:
    def __init__(self, index: Index, tree: Path, board: Board) -> None:
        self._index, self._tree, self._board = index, tree, board
        self._chance = random.Random(20)  # noqa: S311
        self.seen = Reading()

    def begin(self) -> None:
        for topic in TOPICS:
            write_version(self._tree, topic, 1)
        self._index.update()
        for topic in TOPICS:
            self._board.commit(topic, 1)

    def step(self, number: int) -> None:
        topic = self._chance.choice(TOPICS)
        try:
            if number % _REMOVE == _REMOVE - 1:
                self._board.removing(topic)
                self._index.remove(f"{topic}.py")
            version = self._board.committed(topic) + 1
            write_version(self._tree, topic, version)
            self._index.update()
            self._board.commit(topic, version)
            if number % _OPTIMIZE == _OPTIMIZE - 1:
                self._index.optimize()
            if number % _REBUILD == _REBUILD - 1:
                self._index.rebuild()
        except Exception as error:  # whatever it is, it must not be
            self.seen.tell(f"the writer, step {number}: {error!r}")


def read(folder: Path, board: Path, number: int) -> Reading:
    """Searches until it is told to stop."""
    reader = _Reader(folder, Board(board), number)
    reader.run()
    return reader.seen


class _Reader:
    def __init__(self, folder: Path, board: Board, number: int) -> None:
        self._folder, self._board = folder, board
        self._chance = random.Random(number)  # noqa: S311
        self._host = toy_host()
        self._newest: dict[str, int] = defaultdict(int)
        self.seen = Reading()

    def run(self) -> None:
        while not self._board.stopped:
            try:
                with Index.open(index=self._folder, host=self._host) as index:
                    self._searches(index)
            except Exception as error:  # whatever it is, it must not be
                where = "".join(traceback.format_tb(error.__traceback__)[-2:])
                self.seen.tell(f"a reader, after {self.seen.queries} searches: {error!r}\n{where}")

    def _searches(self, index: Index) -> None:
        for _ in range(_REOPEN):
            if self._board.stopped:
                return
            topic = self._chance.choice(TOPICS)
            present = self._board.present(topic)
            least = {topic: self._board.committed(topic) for topic in TOPICS}
            results = index.search(f"lift the {topic}", 5)
            self.seen.queries += 1
            self._check(results, least)
            found = any(result.snippet.name == f"lift_{topic}" for result in results)
            if present and self._board.present(topic) and not found:
                self.seen.unanswered += 1
            if self.seen.queries % _STATUS == 0:
                index.status()

    def _check(self, results: Sequence[SearchResult], least: Mapping[str, int]) -> None:
        in_list: dict[str, int] = {}
        for result in results:
            snippet = result.snippet
            problem = torn(snippet)
            if problem:
                self.seen.tell(problem)
                continue
            topic, version = snippet.path.removesuffix(".py"), version_of(snippet)
            if version < least[topic]:
                self.seen.tell(f"{topic}: version {version} after {least[topic]} was committed")
            if version < self._newest[topic]:
                self.seen.tell(f"{topic}: version {version} after {self._newest[topic]} was seen")
            if in_list.setdefault(topic, version) != version:
                self.seen.tell(f"{topic}: versions {version} and {in_list[topic]} in one answer")
            self._newest[topic] = version
