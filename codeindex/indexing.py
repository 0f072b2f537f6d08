"""walk → extract → encode → commit: one run that brings an index up to date with the files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from codeindex.candidates import SkipReason
from codeindex.catalog.catalog import Catalog
from codeindex.chunk_writer import ChunkWriter, EncoderUser
from codeindex.claims import Claims
from codeindex.errors import UsageError
from codeindex.extraction import Extracted, Extraction
from codeindex.host import Host
from codeindex.plan import Plan, make_plan, same_bytes
from codeindex.receipt import Receipt, SkippedFile
from codeindex.walk import report_path, walk
from codeindex.walk_options import WalkOptions
from codeindex.workers import Task, extract_in_process, extract_in_workers

CHUNK_SNIPPETS = 1500
"""Snippets a transaction: what a killed run loses at most, and what memory holds at most."""

_LOOKED_FOR = 100  # files of the index

_FEW_FILES = 24  # below, starting worker processes costs more than they save
_FEW_BYTES = 500_000


class Progress(Protocol):
    """Called as work proceeds: how many files are done, of how many."""

    def __call__(self, done: int, total: int) -> None:
        """Shows that `done` of `total` are finished."""


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How to bring an index up to date.

    Attributes:
        walk: which files are read.
        extractors: option values by extractor name.
        jobs: processes that extract; 0 = one a core.
        dry_run: only says what would be done.
        drop_most: allows a run that removes more than half of the index.
        optimize: also makes searches faster, when so much has changed that it is worth it.
        other_encoder: of a dry run, the encoder may be another than the index's.
    """

    walk: WalkOptions = field(default_factory=WalkOptions)
    extractors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    jobs: int = 0
    dry_run: bool = False
    drop_most: bool = False
    optimize: bool = True
    other_encoder: bool = False


class Run:
    """One run. Used once."""

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        root: Path,
        source: EncoderUser,
        options: UpdateOptions,
    ) -> None:
        """Takes what it works on; `source` gives the encoder when it is needed."""
        self._host = host
        self._catalog = catalog
        self._root = root
        self._source = source
        self._options = options
        self._receipt = Receipt(root=str(root), dry_run=options.dry_run)

    def update(
        self,
        paths: Sequence[Path],
        progress: Progress | None = None,
        stored: Callable[[], None] | None = None,
    ) -> Receipt:
        """Brings the catalog up to date with the files under `paths`.

        Args:
            stored: called after each chunk that was committed to the catalog.

        Raises:
            UsageError: more than half of the index would go, and `drop_most` is not set.
        """
        started = time.perf_counter()
        plan = self._plan(paths)
        if self._options.dry_run:
            # A run finds out as it reads them that these are only touched.
            touched = {c.path for c, known in plan.tasks if same_bytes(c, known)}
            rows = self._catalog.sources()
            plan.unchanged += [rows[path] for path in sorted(touched)]
            plan.tasks = [task for task in plan.tasks if task[0].path not in touched]
        self._count(plan)
        self._refuse_other_root(plan)
        self._refuse_large_loss(plan)
        if self._options.dry_run:
            self._receipt.snippets = self._catalog.count("snippets")
        else:
            self._carry_out(plan, progress or _silent, stored or _nothing)
            self._receipt.snippets = self._catalog.count("snippets")
        self._receipt.seconds = round(time.perf_counter() - started, 3)
        return self._receipt

    def _plan(self, paths: Sequence[Path]) -> Plan:
        claims = Claims.of([offer.spec for offer in self._host.extractors.offers()])
        tags = Extraction(self._host, self._options.extractors).tag
        return make_plan(
            walk(paths, self._root, claims, self._options.walk),
            self._catalog.sources(),
            [report_path(path, self._root) for path in paths],
            tags,
        )

    def _count(self, plan: Plan) -> None:
        receipt = self._receipt
        for skipped in plan.skipped:
            if skipped.reason is SkipReason.METADATA:
                continue  # .git and the index itself are no news
            receipt.skip(skipped.reason.value, folder=skipped.is_folder)
            if skipped.is_error:
                receipt.errors.append(SkippedFile(skipped.path, _because(skipped)))
        files = sum(not skipped.is_folder for skipped in plan.skipped)
        receipt.files_seen = files + len(plan.unchanged) + len(plan.tasks)
        receipt.files_unchanged = len(plan.unchanged)
        receipt.files_removed = len(plan.vanished)
        receipt.files_moved = len(plan.moved)
        known = self._catalog.sources() if plan.tasks else {}
        for candidate, _ in plan.tasks:
            receipt.language(candidate.language).files += 1
            if candidate.path in known:
                receipt.files_changed += 1
            else:
                receipt.files_new += 1
        counts = self._catalog.snippets_by_source() if plan.unchanged else {}
        for row in plan.unchanged:
            language = receipt.language(row.language)
            language.files += 1
            language.snippets += counts.get(row.id, 0)
            if row.skipped is None:
                language.indexed += 1
                receipt.files_indexed += 1
            else:
                receipt.unreadable(row.path, row.language, row.skipped)

    def _refuse_other_root(self, plan: Plan) -> None:
        """An index that was moved out of its tree would take every file in a second time."""
        if self._options.drop_most or not plan.tasks or plan.vanished or plan.unchanged:
            return
        known = list(self._catalog.sources())[:_LOOKED_FOR]
        if known and not any((self._root / path).exists() for path in known):
            raise UsageError(
                f"none of the files in the index is under {self._root}, which would be its root:"
                " was the index moved out of its tree? Move it back, or make another one with"
                " --index; to index these files beside the others, say --yes"
            )

    def _refuse_large_loss(self, plan: Plan) -> None:
        if self._options.drop_most or not plan.vanished:
            return
        moved = {row.id for row in plan.moved.values()}
        counts = self._catalog.snippets_by_source()
        total = sum(counts.values())
        lost = sum(counts.get(row.id, 0) for row in plan.vanished if row.id not in moved)
        if 2 * lost > total:
            raise UsageError(
                f"this would drop {lost:,} of {total:,} snippets, of {len(plan.vanished):,} files"
                " that are no longer there or no longer selected; nothing was changed."
                " If that is meant, say --yes"
            )

    # -- carrying it out --------------------------------------------------------------------

    def _carry_out(self, plan: Plan, progress: Progress, stored: Callable[[], None]) -> None:
        done = 0
        total = len(plan.tasks)
        tag = Extraction(self._host, self._options.extractors).tag
        writer = ChunkWriter(self._catalog, self._source, self._receipt, plan.moved, tag)
        with closing(self._extract(plan.tasks)) as results:
            for chunk in _chunks(results):
                writer.store(chunk)
                stored()
                done += len(chunk)
                progress(done, total)
        if plan.vanished:
            with self._catalog.transaction():
                gone = [row.id for row in plan.vanished]
                self._receipt.snippets_removed += self._catalog.remove_sources(gone)
        if plan.tasks or plan.vanished:
            with self._catalog.transaction():
                self._catalog.tidy()

    def _extract(self, tasks: Sequence[Task]) -> Generator[Extracted]:
        jobs = self._options.jobs or available_cores()
        few = len(tasks) <= _FEW_FILES and sum(task[0].size for task in tasks) <= _FEW_BYTES
        if jobs == 1 or few or self._host.registered_by_hand:
            return extract_in_process(self._host, self._options.extractors, tasks)
        return extract_in_workers(self._host, self._options.extractors, tasks, jobs)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _chunks(results: Iterator[Extracted]) -> Iterator[list[Extracted]]:
    chunk: list[Extracted] = []
    snippets = 0
    for extracted in results:
        chunk.append(extracted)
        snippets += len(extracted.snippets)
        if snippets >= CHUNK_SNIPPETS:
            yield chunk
            chunk, snippets = [], 0
    if chunk:
        yield chunk


def _because(skipped: Any) -> str:
    return f"{skipped.reason.value}: {skipped.detail}" if skipped.detail else skipped.reason.value


def _nothing() -> None:
    """Nobody is to be told."""


def _silent(done: int, total: int) -> None:
    """No progress wanted."""
