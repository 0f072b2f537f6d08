"""A worker process: ``python -m codeindex.worker`` extracts files that its parent names.

Messages are marshalled plain values behind their length, on stdin and stdout. What is
imported here is kept small: every run over more than a few files starts some of these.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import struct
import sys
from pathlib import Path
from typing import IO, Any

from codeindex.candidates import Candidate
from codeindex.catalog.rows import IncomingSnippet
from codeindex.extraction import Extracted, Extraction
from codeindex.host import Host
from codeindex.offers import InstalledPlugin

_LENGTH = struct.Struct("<Q")
_NICENESS = 10  # the parent has the vectors and the database to do; the worker waits for it


def main() -> None:
    """Answers batches from stdin until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    # What a plugin prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    plugins, options = receive(requests)
    extraction = Extraction(Host.of(InstalledPlugin(*plugin) for plugin in plugins), options)
    # Syntax trees are large and free of cycles that matter: the collector would walk them
    # again and again and find nothing. It runs between batches instead.
    gc.disable()
    while True:
        try:
            batch = receive(requests)
        except EOFError:
            return
        results = [extraction.run(_unpack_candidate(row), known) for row, known in batch]
        write(answers, [_pack(result) for result in results])
        del results
        gc.collect(1)


def write(stream: IO[bytes], value: Any) -> None:
    """Sends a message."""
    data = marshal.dumps(value)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """The next message.

    Raises:
        EOFError: the other side is gone.
    """
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    length = _LENGTH.unpack(header)[0]
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return marshal.loads(data)  # noqa: S302  (written by our own child or parent, plain values)


def pack_candidate(candidate: Candidate) -> tuple[Any, ...]:
    """A candidate as plain values."""
    values = (getattr(candidate, name) for name in candidate.__slots__)
    return tuple(str(value) if isinstance(value, Path) else value for value in values)


def _unpack_candidate(row: tuple[Any, ...]) -> Candidate:
    path, location, *rest = row
    return Candidate(path, Path(location), *rest)


def _pack(result: Extracted) -> tuple[Any, ...]:
    # marshal takes tuples, but no subclass of them.
    snippets = [tuple(item) for item in result.snippets]
    return (result.digest, snippets, result.unchanged, result.skipped, result.unreadable)


def unpack(candidate: Candidate, row: tuple[Any, ...]) -> Extracted:
    """What a worker answered about a file."""
    digest, packed, *rest = row
    return Extracted(candidate, digest, tuple(map(_incoming, packed)), *rest)


_incoming = IncomingSnippet._make


if __name__ == "__main__":
    main()
