"""What a run has to do: the files found against the files known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codeindex.candidates import Candidate, Skipped
from codeindex.catalog.rows import SourceRow


@dataclass(slots=True)
class Plan:
    """The difference between the tree and the catalog.

    Attributes:
        unchanged: files that were looked at only from outside.
        tasks: files to read, with the digest known of each (empty if its snippets are to be
            made whatever its bytes).
        vanished: known sources within the paths that are there no more.
        moved: path of a new file → the vanished source that held the same bytes.
        skipped: what the walk left out.
    """

    unchanged: list[SourceRow] = field(default_factory=list)
    tasks: list[tuple[Candidate, bytes]] = field(default_factory=list)
    vanished: list[SourceRow] = field(default_factory=list)
    moved: dict[str, SourceRow] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def make_plan(
    found: Iterable[Candidate | Skipped],
    known: dict[str, SourceRow],
    scopes: Sequence[str],
    tag: Callable[[str], str],
) -> Plan:
    """Compares a walk with the catalog.

    Args:
        found: the walk.
        known: sources by path.
        scopes: the given paths, as `codeindex.walk.report_path` names them; "" is all of the root.
        tag: extractor name → what a source it reads is tagged with.
    """
    plan = Plan()
    present: set[str] = set()
    unreadable: list[str] = []
    for item in found:
        if isinstance(item, Skipped):
            plan.skipped.append(item)
            if item.is_error:
                unreadable.append(item.path)
            continue
        present.add(item.path)
        row = known.get(item.path)
        if row is not None and row.extractor == tag(item.extractor):
            if (row.size, row.mtime_ns, row.ctime_ns) == (item.size, item.mtime_ns, item.ctime_ns):
                plan.unchanged.append(row)
            else:
                # One that could not be read is tried anew: its reason is to be said again.
                plan.tasks.append((item, b"" if row.skipped else row.digest))
        else:
            plan.tasks.append((item, b""))
    plan.vanished = [
        row
        for path, row in known.items()
        if path not in present and within(path, scopes) and not within(path, unreadable)
    ]
    plan.moved = _moves(plan, known)
    return plan


def within(path: str, scopes: Iterable[str]) -> bool:
    """Whether `path` is one of the scopes or below one."""
    return any(
        (scope in ("", ".") and not path.startswith("../"))
        or path == scope
        or path.startswith(f"{scope}/")
        for scope in scopes
    )


def _moves(plan: Plan, known: dict[str, SourceRow]) -> dict[str, SourceRow]:
    """New files whose bytes a vanished source had. Only files of the same size are read for it."""
    by_size: dict[int, list[SourceRow]] = {}
    for row in plan.vanished:
        if row.skipped is None and row.size:
            by_size.setdefault(row.size, []).append(row)
    moved: dict[str, SourceRow] = {}
    if not by_size:
        return moved
    for candidate, _ in plan.tasks:
        rivals = by_size.get(candidate.size)
        if candidate.path in known or not rivals:
            continue
        try:
            digest = _digest(candidate.location)
        except OSError:
            continue  # it is reported when it is extracted
        for row in rivals:
            if row.digest == digest:
                moved[candidate.path] = row
                rivals.remove(row)
                break
    return moved


def same_bytes(candidate: Candidate, known: bytes) -> bool:
    """Whether a file whose size or time changed still has the bytes that were known."""
    try:
        return bool(known) and _digest(candidate.location) == known
    except OSError:
        return False


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
