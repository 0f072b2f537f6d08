"""The process that `killing` has die: it ends itself at its n-th operation on a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from codeindex.filters import Payload
from codeindex.host import Host
from codeindex.interfaces import IndexBackend
from codeindex.offers import InstalledPlugin
from codeindex.testing.killing import KILLED
from codeindex.vectors import VectorSpace, unit

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")


def main() -> None:
    """Reads the job from stdin; ends with `KILLED`, or 0 if the commit came first."""
    job = json.load(sys.stdin)
    backend = _open(job)
    backend.remove(job["remove"])
    vectors = np.vstack([_vector(id, job["dim"]) for id in job["add"]])
    backend.add(job["add"], vectors, [Payload(f"m{id}.py", "python", "x") for id in job["add"]])
    _die_at(job["die_at"])
    backend.commit()
    os._exit(0)


def _open(job: dict[str, Any]) -> IndexBackend:
    host = Host.of(InstalledPlugin(*plugin) for plugin in job["loaded"])
    offer, space = host.backends.get(job["name"]), VectorSpace(job["dim"])
    return host.make(
        offer,
        "backend",
        job["options"],
        lambda options: offer.spec.open(options, Path(job["folder"]), space, job["files"]),
    )


def _vector(id: int, dim: int) -> Any:
    rows = np.random.default_rng(100 + id).normal(size=(1, dim)).astype(np.float32)
    return unit(rows)


def _die_at(number: int) -> None:
    left = number

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        # Opening to read changes nothing: dying there is dying at the step before.
        if event in _STEPS and (event != "open" or (arguments[2] or 0) & _WRITING):
            left -= 1
            if left == 0:
                what = " ".join(map(str, arguments[:2]))
                os.write(2, f"step {number}, {event} {what}\n".encode())
                os._exit(KILLED)

    sys.addaudithook(watch)


if __name__ == "__main__":
    main()
