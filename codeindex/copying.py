"""copy_index: another, complete index of the same tree in another backend; nothing is embedded."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex import __version__
from codeindex.backend_choice import BackendChoice
from codeindex.catalog.backup import copy_catalog
from codeindex.catalog.catalog import Catalog
from codeindex.derived import DerivedIndex
from codeindex.errors import StorageError, UsageError
from codeindex.files import sync
from codeindex.host import Host
from codeindex.interfaces import IndexBackend
from codeindex.location import CATALOG, check_own, clear, is_index, kept_root, make_folder
from codeindex.locking import writing
from codeindex.recall import Recall, measure_recall
from codeindex.verification import Verification, check_backend

if TYPE_CHECKING:
    from codeindex.guarded import GuardedBackend
    from codeindex.indexing import Progress

MIN_RECALL = 0.95

_DRAFT = f"{CATALOG}.new"

Steps = Callable[[str, str], AbstractContextManager["Progress | None"]]
"""(what is done, in which units) → the progress of this step."""


@dataclass(slots=True)
class CopyReport:
    """What was made, and how it compares with what it was made from.

    Attributes:
        index: folder of the new index.
        backend: name and options of its backend.
        facts: what the backend says of itself.
        checked: ids and sampled vectors against the catalog.
        recall: recall@10 against exact search.
        min_recall: what it must be at least.
        seconds: it took.
    """

    index: Path
    backend: Mapping[str, Any]
    min_recall: float
    checked: Verification = field(default_factory=Verification)
    recall: Recall = field(default_factory=lambda: Recall(0.0, 0))
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """One line each; empty means that the copy is as good as its source, and is there."""
        problems = list(self.checked.problems)
        if self.recall.value < self.min_recall:
            problems.append(
                f"recall@10 is {self.recall.value:.3f}, less than {self.min_recall:g}: give the"
                " backend options that find more, or ask for less with --min-recall"
            )
        return problems

    @property
    def ok(self) -> bool:
        """Whether the copy is sound. One that is not was removed again."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "ok": self.ok,
            "index": str(self.index),
            "backend": dict(self.backend),
            "backend_facts": dict(self.facts),
            "snippets": self.checked.snippets,
            "vectors": self.checked.vectors,
            "sampled": self.checked.sampled,
            "recall": round(self.recall.value, 6),
            "recall_queries": self.recall.queries,
            "min_recall": self.min_recall,
            "problems": self.problems,
            "seconds": round(self.seconds, 3),
        }


@contextmanager
def _unseen(what: str, unit: str) -> Iterator[Progress | None]:
    yield None


def copy_index(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    backend: str,
    backend_options: Mapping[str, Any] | None = None,
    *,
    min_recall: float = MIN_RECALL,
    host: Host | None = None,
    steps: Steps = _unseen,
) -> CopyReport:
    """Makes an index in the folder `target` from the one in the folder `source`.

    It is of the same source tree, with all that the catalog holds at this moment, and has its
    vectors in `backend`. It is compared with the catalog before it is put in place: a copy
    that is not sound is removed. Killed at any instant, `target` is no index yet, and copying
    there again begins anew; or it is a complete one.

    Args:
        backend, backend_options: of the copy, by name.
        min_recall: the least recall@10 against exact search, from 0 to 1.
        steps: shows progress.

    Raises:
        UsageError: `target` holds an index or files already, or lies in `source`, or that has
            no vectors.
        NotFoundError, OptionError, PluginError: no such index, backend or option.
        IndexLockedError: another process is copying there.
        StorageError: it cannot be written, or the backend's server cannot be reached.
    """
    if not 0 <= min_recall <= 1:
        raise UsageError(f"a recall is from 0 to 1, not {min_recall:g}")
    origin, folder = Path(os.path.abspath(source)), Path(os.path.abspath(target))
    plugins = host or Host.load()
    chosen = _chosen(plugins, origin, backend, backend_options)
    _check_place(folder, origin)
    report = CopyReport(folder, chosen, min_recall)
    started = time.perf_counter()
    with _place(folder), suppress(_Unsound):
        _make(plugins, origin, folder, report, steps)
    report.seconds = time.perf_counter() - started
    return report


class _Unsound(Exception):
    """The copy is not what it is to be; the report says why."""


@contextmanager
def _place(folder: Path) -> Iterator[None]:
    """The folder, locked. If it is no index at the end, all that was written there goes."""
    existed, failed = folder.exists(), False
    make_folder(folder)
    try:
        with writing(folder):
            try:
                yield
            finally:
                failed = not is_index(folder)
                if failed:
                    clear(folder)
    finally:
        if failed and not existed:
            shutil.rmtree(folder, ignore_errors=True)


def _chosen(
    host: Host, source: Path, backend: str, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Name and options of the backend, as the manifest is to say."""
    catalog = Catalog(source / CATALOG, readonly=True)
    try:
        manifest = catalog.manifest()
    finally:
        catalog.close()
    if not manifest.get("encoder"):
        raise UsageError(f"the index at {source} holds no vectors yet; run: codeindex index")
    return BackendChoice(host, source, None, {}).other(manifest, backend, options)


def _check_place(folder: Path, source: Path) -> None:
    if is_index(folder):
        raise UsageError(f"{folder} holds an index already; name another folder, or delete it")
    if folder.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"{folder} lies in the index that is copied, {source}; name a folder outside it"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder")
    check_own(folder)


def _make(host: Host, source: Path, folder: Path, report: CopyReport, steps: Steps) -> None:
    """Draft of the catalog, backend, checks; then the catalog is put in place, at last."""
    clear(folder)
    draft = folder / _DRAFT
    with steps("copying the catalog", "pages") as progress:
        copy_catalog(source / CATALOG, draft, progress)
    catalog = Catalog(draft)
    derived = DerivedIndex(host, folder, None, {})
    try:
        _as_another(catalog, source, folder, report.backend)

        def check(backend: GuardedBackend, manifest: Mapping[str, Any]) -> None:
            _compare(catalog, backend, manifest["encoder"], report, steps)
            if not report.ok:
                report.facts = backend.facts()
                raise _Unsound

        with steps("storing", "vectors") as progress:
            derived.rebuild(catalog, {"backend": report.backend}, check, progress)
        _, report.facts = derived.glance(catalog)  # as committed
    finally:
        derived.close()
        catalog.close()
    if draft.with_name(f"{_DRAFT}-wal").exists():  # the disk is full, most likely
        raise StorageError(f"cannot write {draft}: SQLite could not put its changes into it")
    sync(draft)
    draft.replace(folder / CATALOG)
    sync(folder)


def _as_another(catalog: Catalog, source: Path, folder: Path, backend: Mapping[str, Any]) -> None:
    """Makes the catalog's manifest that of another index of the same tree."""
    manifest = catalog.manifest()
    root = os.path.normpath(source / manifest.get("root", ".."))
    # The same for a copy that begins anew: a server may know the one that was killed already.
    id = hashlib.blake2b(f"{manifest['id']}\n{folder}".encode(), digest_size=16).hexdigest()
    with catalog.transaction():
        catalog.set_manifest(
            {
                "id": id,
                "created_at": time.time(),
                "created_by": __version__,
                "root": kept_root(root, folder),
                "backend": backend,
                "backend_folder": None,
                "backend_files": None,
                "backend_stamps": None,
            }
        )


def _compare(
    catalog: Catalog,
    backend: IndexBackend,
    encoder: Mapping[str, Any],
    report: CopyReport,
    steps: Steps,
) -> None:
    row, dim = int(encoder["row"]), int(encoder["dim"])
    check_backend(catalog, backend, row, dim, report.checked)
    with steps("measuring recall", "vectors") as progress:
        report.recall = measure_recall(catalog, backend, row, dim, progress)
