"""Optimizing in a process of its own, as the engine stops all threads of the one it is in.

A fresh ``python -m codeindex_qdrant.edge.optimising``; nothing is forked, as the threads of
the engine would be missing in the child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codeindex.errors import StorageError
from codeindex_qdrant.edge_spec import EdgeOptions


def optimize_elsewhere(folder: Path, dim: int, options: EdgeOptions) -> Sequence[str]:
    """Builds the graphs of a closed shard's folder; returns the distinct paths in it.

    Whatever is raised here, Ctrl-C too, ends the other process.

    Raises:
        StorageError: it failed or was killed; the folder is of no use then.
    """
    job = {
        "folder": str(folder.absolute()),
        "dim": dim,
        "options": asdict(options),
        "parent": os.getpid(),
    }
    # -P: the present folder may be the one that is indexed, and its code is not ours to run.
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        try:
            out, errors = process.communicate(json.dumps(job))
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        reason = (errors.strip().splitlines() or [f"it ended with {process.returncode}"])[-1]
        raise StorageError(f"optimizing failed, and changed nothing: {reason}")
    paths: list[str] = json.loads(out.splitlines()[-1])
    return paths


def main() -> None:
    """Reads the job from stdin, does it, and writes the paths to stdout."""
    from codeindex_qdrant.edge.filtering import paths_in
    from codeindex_qdrant.edge.shard import Shard

    # Ctrl-C ends it at once: Python's own way would wait for the engine to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    job: dict[str, Any] = json.load(sys.stdin)
    _end_with_parent(job["parent"])
    shard = Shard.load(Path(job["folder"]), job["dim"], EdgeOptions(**job["options"]))
    shard.optimize()
    paths = paths_in(shard.values())
    shard.flush()
    shard.close()
    sys.stdout.write("\n" + json.dumps(paths) + "\n")


def _end_with_parent(parent: int) -> None:
    """Asks Linux to kill this process when its parent is killed; elsewhere it ends in time."""
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent is gone")


if __name__ == "__main__":
    main()
