"""An edge backend in a folder, and what its folder looks like."""

from __future__ import annotations

import numpy as np

from codeindex.filters import Filter, Payload
from codeindex.vectors import unit
from codeindex_qdrant.edge.backend import EdgeBackend
from codeindex_qdrant.edge_spec import EdgeOptions

DIM = 16
EVERYTHING = Filter()


def opened(folder, files=None, **options):
    return EdgeBackend(folder, DIM, files or {}, EdgeOptions(**options))


def vectors(ids):
    rows = [np.random.default_rng(id).normal(size=DIM) for id in ids]
    return unit(np.array(rows, dtype=np.float32).reshape(len(rows), DIM))


def payload(id):
    return Payload(f"package{id % 3}/m{id}.py", "python", "even" if id % 2 == 0 else "odd")


def add(backend, ids):
    backend.add(ids, vectors(ids), [payload(id) for id in ids])


def committed(folder, ids, **options):
    """The files of a backend that holds these ids."""
    backend = opened(folder, **options)
    add(backend, ids)
    files = backend.commit()
    backend.close()
    return files


def state(folder):
    """Every file below a folder: its bytes and its time."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def found(backend, id, where=EVERYTHING):
    return backend.search(vectors([id]), 1, where)[0][0].id
