"""A fresh process that opens a backend as it was committed, and asks it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from codeindex.vectors import Embeddings

_CODE = """
import json, sys
from pathlib import Path
import numpy as np
from codeindex.filters import Filter
from codeindex.host import Host
from codeindex.vectors import VectorSpace
task = json.loads(Path(sys.argv[1]).read_text())
offer = Host.load().backends.get(task["backend"])
space = VectorSpace(task["dim"])
backend = Host.load().make(
    offer, "backend", task["options"],
    lambda made: offer.spec.open(made, Path(task["folder"]), space, task["files"]),
)
for query in np.load(task["queries"]):
    backend.search(query[None], 10, Filter())
backend.close()
"""


def asking(
    backend: str,
    options: Mapping[str, Any],
    folder: Path,
    files: Mapping[str, str],
    queries: Embeddings,
    scratch: Path,
) -> list[str]:
    """The command line of such a process.

    Args:
        folder, files: of the backend, as of its last commit.
        queries: float32 (n, dim), asked one by one.
        scratch: a folder for what the process reads.
    """
    asked, task = scratch / "queries.npy", scratch / "task.json"
    np.save(asked, queries)
    facts = {
        "backend": backend,
        "options": dict(options),
        "folder": str(folder),
        "files": dict(files),
        "dim": queries.shape[1],
        "queries": str(asked),
    }
    task.write_text(json.dumps(facts), "utf-8")
    return [sys.executable, "-c", _CODE, str(task)]
