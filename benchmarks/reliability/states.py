"""What an index holds, and what lies in its folder that should not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from codeindex import Index
from codeindex.catalog.catalog import Catalog
from codeindex.derived import DerivedIndex
from codeindex.guarded import GuardedBackend
from codeindex.host import Host
from codeindex.location import CATALOG, is_index

State = frozenset[tuple[str, str, str, int, int, str, int]]
"""Every snippet of an index: path, kind, name, lines, code, and which of equal ones it is."""

_ALWAYS = {CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", ".gitignore", "lock"}


def state_of(index: Index) -> State:
    """What the catalog says."""
    seen: dict[tuple[str, str, str, int, int, str], int] = {}
    state = set()
    for s in index.snippets():
        snippet = (s.path, s.kind, s.name, s.start_line, s.end_line, s.code)
        seen[snippet] = seen.get(snippet, -1) + 1
        state.add((*snippet, seen[snippet]))
    return frozenset(state)


def read_state(folder: Path, host: Host) -> State:
    """What the catalog of the index in `folder` says; empty where there is none."""
    if not is_index(folder):
        return frozenset()
    with Index.open(index=folder, host=host) as index:
        return state_of(index)


def disagreement(folder: Path, host: Host) -> str:
    """How the ids in the backend, as committed, differ from those in the catalog, or nothing."""
    held: list[int] = []

    def look(backend: GuardedBackend) -> None:
        held.extend(backend.ids())

    with _opened(folder, host) as (catalog, derived):
        derived.examine(catalog, look)
        wanted = catalog.snippet_ids()
    if held == wanted:
        return ""
    lost, extra = len(set(wanted) - set(held)), len(set(held) - set(wanted))
    return f"the backend lost {lost} ids, has {extra} too many, {len(held) - len(set(held))} twice"


def strays(folder: Path, host: Host) -> list[str]:
    """Files in the folder of an index that are of no commit: what a run has left behind."""
    with _opened(folder, host) as (catalog, derived):
        files = catalog.manifest().get("backend_files") or {}
        place = derived.place(catalog).folder.relative_to(folder)
    known = _ALWAYS | {str(place / name) for name in (*files, "writer.lock")}
    found = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in found if name not in known and not name.startswith("encoder/"))


@contextmanager
def _opened(folder: Path, host: Host) -> Iterator[tuple[Catalog, DerivedIndex]]:
    with closing(Catalog(folder / CATALOG, readonly=True)) as catalog:
        derived = DerivedIndex(host, folder, None, {})
        with closing(derived):
            yield catalog, derived
