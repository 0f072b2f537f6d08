"""A process that runs commands in children of its own, and has them die at a chosen moment.

Everything is imported once and nothing is searched here, so that forking takes milliseconds and
is safe. A child ends itself, as by ``kill -9``, at its n-th operation on a file in a folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "sqlite3.connect")


class Victims:
    """Starts the process; `run` has a command die in it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )

    def run(self, argv: Sequence[str], folder: Path, temporary: Path, die_at: int) -> int:
        """Runs a command, which dies at that operation on a file in `folder`.

        Returns:
            How many such operations it came to before it ended; 0 if it died.
        """
        job = {
            "arguments": list(argv[1:]),
            "folder": str(folder),
            "temporary": str(temporary),
            "die_at": die_at,
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status, steps = json.loads(self._process.stdout.readline())
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return 0
        assert os.WEXITSTATUS(status) == 0, f"{argv} ended with {os.WEXITSTATUS(status)}"
        return steps

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def main() -> None:
    import faiss  # noqa: F401
    import onnxruntime  # noqa: F401
    import qdrant_edge  # noqa: F401

    from codeindex import cli

    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what commands print is no answer
    for line in sys.stdin:
        job = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _become(job, writing, cli)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            steps = pipe.read()
        _, status = os.waitpid(child, 0)
        results.write(json.dumps([status, int(steps or 0)]) + "\n")
        results.flush()


def _become(job: dict[str, Any], writing: int, cli: Any) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    tempfile.tempdir = os.environ["TMPDIR"] = job["temporary"]
    steps = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event in _STEPS and str(arguments[0]).startswith(job["folder"]):
            steps += 1
            if steps == job["die_at"]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    code = cli.run(job["arguments"])
    os.write(writing, str(steps).encode())
    os._exit(code)


if __name__ == "__main__":
    main()
