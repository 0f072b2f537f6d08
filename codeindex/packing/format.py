"""What a pack is: a ZIP file that begins with a list of all that is in it.

::

    codeindex-pack.json      first: what the pack is, and of every other entry size and SHA-256
    catalog.sqlite           the index's catalog, a consistent copy (deflated)
    backend/packed/…         the vector index as last committed (stored)
    encoder/…                the encoder bundle with its licence, where the encoder has one

Names in the archive are those that the files have in an index folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from codeindex.errors import DamagedIndexError, IndexVersionError, UsageError
from codeindex.location import CATALOG
from codeindex.packing.names import names_fault

PACK_MANIFEST = "codeindex-pack.json"
FORMAT = 1
BACKEND_FOLDER = "packed"
BACKEND = f"backend/{BACKEND_FOLDER}/"
ENCODER = "encoder/"
MOST_ENTRIES = 10_000

_LONGEST_TEXT = 1000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the pack: its name there, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Licence:
    """Under what a part of the pack is, and the entries that say so."""

    of: str
    licence: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackManifest:
    """The first entry.

    Attributes:
        codeindex: the version that wrote the pack.
        created: when, in UTC, by ISO 8601.
        index: the index in short, for people: id, counts, encoder, backend.
        licences: of the encoder in the pack.
        entries: all others, in the order of the archive.
    """

    codeindex: str
    created: str
    index: Mapping[str, Any]
    licences: Sequence[Licence]
    entries: Sequence[Entry]

    def to_bytes(self) -> bytes:
        """As JSON, the same bytes for the same values."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()

    def named(self, prefix: str) -> dict[str, Entry]:
        """The entries below a folder, by their names within it."""
        return {
            entry.name.removeprefix(prefix): entry
            for entry in self.entries
            if entry.name.startswith(prefix)
        }

    @property
    def size(self) -> int:
        """Bytes of all entries, unpacked."""
        return sum(entry.size for entry in self.entries)


def read_manifest(data: bytes, pack: object) -> PackManifest:
    """The manifest of a pack, checked.

    Args:
        pack: its path, for messages.

    Raises:
        UsageError: it is none.
        IndexVersionError: of a newer codeindex.
        DamagedIndexError: it is not as `PackManifest.to_bytes` writes it, or names a file that
            no pack holds.
    """
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedIndexError(f"{pack}: {PACK_MANIFEST} is no valid JSON") from error
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise UsageError(f"{pack} is no pack of codeindex: its {PACK_MANIFEST} has no format")
    if values["format"] > FORMAT:
        raise IndexVersionError(
            f"{pack} has format {values['format']}, this codeindex reads up to {FORMAT}: it was"
            f" packed by codeindex {values.get('codeindex')}; upgrade codeindex"
        )
    try:
        manifest = _manifest(values)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedIndexError(
            f"{pack}: {PACK_MANIFEST} is not what codeindex pack writes ({error})"
        ) from error
    fault = _entries_fault(manifest.entries)
    if fault:
        raise DamagedIndexError(f"{pack} is refused: {fault}")
    return manifest


def _manifest(values: Mapping[str, Any]) -> PackManifest:
    entries = [_entry(item) for item in values["entries"]]
    licences = [
        Licence(_plain(item["of"]), _plain(item["licence"]), tuple(map(_plain, item["files"])))
        for item in values["licences"]
    ]
    index = values["index"]
    if not all(type(index[key]) is int for key in ("snippets", "sources", "pending_changes")):
        raise TypeError("the counts of 'index'")
    for text in (index["backend"], index["encoder"]["name"], index["encoder"]["title"]):
        _plain(text)
    return PackManifest(
        _plain(values["codeindex"]), _plain(values["created"]), index, licences, entries
    )


def _plain(value: Any) -> str:
    """A text that is shown to people: on a terminal, control characters are commands."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"{value!r:.100} is no plain text")
    return value


def _entry(item: Any) -> Entry:
    name, size, sha256 = item["name"], item["size"], item["sha256"]
    if not isinstance(name, str) or type(size) is not int or not isinstance(sha256, str):
        raise TypeError("an entry needs name, size and sha256")
    if size < 0 or not _SHA256.fullmatch(sha256):
        raise ValueError(f"size or digest of {name!r}")
    return Entry(name, size, sha256)


def _entries_fault(entries: Sequence[Entry]) -> str | None:
    if len(entries) > MOST_ENTRIES:
        return f"it has {len(entries):,} entries; at most {MOST_ENTRIES:,} are taken"
    names = [entry.name for entry in entries]
    fault = names_fault(names)
    if fault:
        return fault
    if CATALOG not in names:
        return f"it has no {CATALOG}"
    for name in names:
        if name != CATALOG and not name.startswith((BACKEND, ENCODER)):
            return f"the entry {name!r} is of no use to an index"
    return None
