"""Worker processes that extract files, so that parsing uses every core.

Each is a fresh ``python -m codeindex.workers``: nothing is forked (threads of other
libraries would hang in the child) and the caller's main script is not run again, as
multiprocessing would do. A file that kills its worker is skipped with that reason.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from codeindex.catalog.rows import IncomingSnippet, SnippetWords
from codeindex.extraction import Extracted, Extraction
from codeindex.host import Host
from codeindex.snippet import Snippet
from codeindex.walk import Candidate

Task = tuple[Candidate, bytes]
"""A file and the digest known of it (empty if none)."""

BATCH_FILES = 8
BATCH_BYTES = 400_000
AHEAD = 12
"""Batches a worker may be ahead: enough to work on while a chunk is embedded and stored."""
_LENGTH = struct.Struct("<Q")


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
    setup = (host.only, host.skip, {name: dict(values) for name, values in options.items()})
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
            [sys.executable, "-m", "codeindex.workers"],
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
            self._send([(_pack_candidate(candidate), known) for candidate, known in batch])
            rows = _receive(self._stdout())
        except (OSError, EOFError):
            self._end()
            if self._stopped:
                return [Extracted(task[0], b"", skipped="stopped") for task in batch]
            self._start()
            return None
        return [_unpack(task[0], row) for task, row in zip(batch, rows, strict=True)]

    def _send(self, value: Any) -> None:
        if self._process.stdin is None:
            raise OSError("the worker has no stdin")
        _write(self._process.stdin, value)

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


# -- the worker's side ------------------------------------------------------------------------


def main() -> None:
    """Answers batches from stdin until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # What a plugin prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    only, skip, options = _receive(requests)
    extraction = Extraction(Host.load(only=only, skip=skip), options)
    # Syntax trees are large and free of cycles that matter: the collector would walk them
    # again and again and find nothing. It runs between batches instead.
    gc.disable()
    while True:
        try:
            batch = _receive(requests)
        except EOFError:
            return
        results = [extraction.run(_unpack_candidate(row), known) for row, known in batch]
        _write(answers, [_pack(result) for result in results])
        del results
        gc.collect(1)


def _write(stream: IO[bytes], value: Any) -> None:
    data = marshal.dumps(value)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    length = _LENGTH.unpack(header)[0]
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return marshal.loads(data)  # noqa: S302  (written by our own child, plain values)


def _pack_candidate(candidate: Candidate) -> tuple[Any, ...]:
    row = astuple(candidate)
    return tuple(str(value) if isinstance(value, Path) else value for value in row)


def _unpack_candidate(row: tuple[Any, ...]) -> Candidate:
    path, location, *rest = row
    return Candidate(path, Path(location), *rest)


def _pack(result: Extracted) -> tuple[Any, ...]:
    snippets = []
    for item in result.snippets:
        s, w = item.snippet, item.words
        fields = (s.path, s.language, s.kind, s.name, s.start_line, s.end_line, s.code, s.docstring)
        words = (w.name, w.path, w.docstring, w.code)
        snippets.append((item.key, fields, _plain(s.extra), item.text, item.text_digest, words))
    return (result.digest, snippets, result.unchanged, result.skipped)


def _unpack(candidate: Candidate, row: tuple[Any, ...]) -> Extracted:
    digest, packed, unchanged, skipped = row
    snippets = tuple(
        IncomingSnippet(key, Snippet(*(*fields, extra)), text, digest_, SnippetWords(*words))
        for key, fields, extra, text, digest_, words in packed
    )
    return Extracted(candidate, digest, snippets, unchanged, skipped)


def _plain(value: Any) -> Any:
    """`value` in the built-in types that marshal takes: mappings as dict, sequences as list."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


if __name__ == "__main__":
    main()
