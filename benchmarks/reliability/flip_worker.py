"""The process in which a damaged index is opened: it may crash, and is started again then.

Reads where the index is, then flips, from stdin, JSON a line. Writes what becomes of each to
stdout step by step, so that a crash shows in which step it was.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.reliability.answers import Answers, answers, same
from benchmarks.reliability.toy import toy_host
from codeindex import Index
from codeindex.errors import CodeIndexError
from codeindex.host import Host
from codeindex.locking import writing
from codeindex.snippet import Snippet

QUERIES = ("lift the hammer", "colour of a window", "river", "letter weight")

SAME, TOLD, WRONG = "same", "told", "wrong"


def main() -> None:
    """Serves until stdin ends."""
    setup = json.loads(sys.stdin.readline())
    bench = _Bench(Path(setup["pristine"]), Path(setup["work"]), toy_host())
    for line in sys.stdin:
        for step, what in bench.outcome(json.loads(line)):
            sys.stdout.write(json.dumps([step, what]) + "\n")
            sys.stdout.flush()
        sys.stdout.write("null\n")
        sys.stdout.flush()


class _Bench:
    def __init__(self, pristine: Path, work: Path, host: Host) -> None:
        self._pristine, self._work, self._host = pristine, work, host
        self._answers = self._ask(pristine)
        self._snippets = self._list(pristine)

    def _ask(self, folder: Path) -> Answers:
        return answers(folder, self._host, QUERIES)

    def _list(self, folder: Path) -> list[Snippet]:
        with Index.open(index=folder, host=self._host) as index:
            return list(index.snippets())

    def outcome(self, job: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """What `verify` says of an index with one bit turned, then searches, then a repair.

        While it is searched, a lock keeps it from being made anew from the catalog.
        """
        self._damage(job)
        yield "verify", self._guarded(self._verify)
        with writing(self._work):
            yield "search", self._guarded(self._search)
            yield "list", self._guarded(self._listing)
        if job["repair"]:
            yield "repair", self._guarded(self._repair)

    def _damage(self, job: dict[str, Any]) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._pristine, self._work)  # with times: the files are trusted
        path = self._work / job["file"]
        status = path.stat()
        data = bytearray(path.read_bytes())
        data[job["offset"]] ^= 1 << job["bit"]
        path.write_bytes(data)
        if job["keep_time"]:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _guarded(self, ask: Callable[[], str]) -> str:
        try:
            return ask()
        except CodeIndexError:
            return TOLD
        except Exception as error:  # what a user would see as a traceback
            return f"{type(error).__name__}: {error}"

    def _verify(self) -> str:
        with Index.open(index=self._work, host=self._host) as index:
            return SAME if index.verify().ok else TOLD

    def _search(self) -> str:
        return SAME if same(self._ask(self._work), self._answers) else WRONG

    def _listing(self) -> str:
        return SAME if self._list(self._work) == self._snippets else WRONG

    def _repair(self) -> str:
        with Index.open(index=self._work, host=self._host) as index:
            if not index.verify(repair=True).ok:
                return TOLD
        return self._search()


if __name__ == "__main__":
    main()
