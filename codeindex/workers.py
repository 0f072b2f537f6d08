"""Worker processes that extract files, so that parsing uses every core.

Each is a fresh ``python -m codeindex.worker``: nothing is forked (threads of other
libraries would hang in the child) and the caller's main script is not run again, as
multiprocessing would do. A file that kills its worker is skipped with that reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import IO, Any

from codeindex.candidates import Candidate
from codeindex.extraction import Extracted, Extraction
from codeindex.host import Host
from codeindex.worker import pack_candidate, receive, unpack, write

Task = tuple[Candidate, bytes]
"""A file and the digest known of it (empty if none)."""

BATCH_FILES = 8
BATCH_BYTES = 400_000
AHEAD = 12
"""Batches a worker may be ahead: enough to work on while a chunk is embedded and stored."""


def extract_in_process(
    host: Host, options: Mapping[str, Mapping[str, Any]], tasks: Iterable[Task]
) -> Generator[Extracted]:
    """Extracts here, one file after the other."""
    extraction = Extraction(host, options)
    for candidate, known in tasks:
        yield extraction.run(candidate, known)


def extract_in_workers(
    host: Host, options: Mapping[str, Mapping[str, Any]], tasks: Iterable[Task], jobs: int
) -> Generator[Extracted]:
    """Extracts in `jobs` processes; results come in the order of `tasks`.

    At most a few batches a worker are under way, so memory does not grow with the input.
    """
    setup = ([*map(tuple, host.loaded)], {name: dict(values) for name, values in options.items()})
    workers: SimpleQueue[_Worker] = SimpleQueue()
    started = [_Worker(setup) for _ in range(jobs)]
    for worker in started:
        workers.put(worker)

    def run(batch: Sequence[Task]) -> list[Extracted]:
        worker = workers.get()
        try:
            return worker.run(batch)
        finally:
            workers.put(worker)

    pool = ThreadPoolExecutor(jobs)
    try:
        under_way: deque[Future[list[Extracted]]] = deque()
        for batch in _batches(tasks):
            under_way.append(pool.submit(run, batch))
            if len(under_way) >= AHEAD * jobs:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        for worker in started:
            worker.stop()
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """One worker process, started again when a file kills it."""

    def __init__(self, setup: tuple[Any, ...]) -> None:
        self._setup = setup
        self._stopped = False
        self._start()

    def _start(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            # -P: no module of the current folder, which may be the tree that is read.
            [sys.executable, "-P", "-m", "codeindex.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._send(self._setup)

    def run(self, batch: Sequence[Task]) -> list[Extracted]:
        answer = self._ask(batch)
        if answer is not None:
            return answer
        if len(batch) == 1:
            candidate = batch[0][0]
            return [Extracted(candidate, b"", skipped="reading it ended the process (crash)")]
        return [extracted for task in batch for extracted in self.run([task])]

    def _ask(self, batch: Sequence[Task]) -> list[Extracted] | None:
        """The worker's answer; None if it died, in which case a new one has been started."""
        try:
            self._send([(pack_candidate(candidate), known) for candidate, known in batch])
            rows = receive(self._stdout())
        except (OSError, EOFError):
            self._end()
            if self._stopped:
                return [Extracted(task[0], b"", skipped="stopped") for task in batch]
            self._start()
            return None
        return [unpack(task[0], row) for task, row in zip(batch, rows, strict=True)]

    def _send(self, value: Any) -> None:
        if self._process.stdin is None:
            raise OSError("the worker has no stdin")
        write(self._process.stdin, value)

    def _stdout(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise OSError("the worker has no stdout")
        return self._process.stdout

    def stop(self) -> None:
        self._stopped = True
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue  # bytes that it never read; it is gone


def _batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += task[0].size
        if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
