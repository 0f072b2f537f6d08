"""What an index is: content, age, encoder, backend, size, and whether the two halves agree."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from codeindex.catalog.catalog import Catalog
from codeindex.derived import DerivedIndex
from codeindex.errors import CodeIndexError, DamagedIndexError
from codeindex.finishing import finishing_command, is_unfinished


def describe_index(
    catalog: Catalog, derived: DerivedIndex, folder: Path, root: Path
) -> dict[str, Any]:
    """The facts that ``codeindex status`` shows, as JSON values. Nothing is written.

    Times are seconds since the epoch, ages seconds, sizes bytes. ``drift`` is None where the
    backend holds as many vectors as the catalog has snippets, or says what is amiss. ``finish``
    is the command that reads what is unread and applies what is pending.
    """
    with catalog.snapshot():
        manifest = catalog.manifest()
        sources = catalog.sources()
        facts = {
            "index": str(folder),
            "root": str(root),
            "snippets": catalog.count("snippets"),
            "languages": catalog.tally("language"),
            "kinds": catalog.tally("kind"),
            "cached_vectors": catalog.count("vectors"),
            "pending_changes": catalog.count("outbox"),
        }
    unreadable = {path: row.skipped for path, row in sorted(sources.items()) if row.skipped}
    updated = manifest.get("updated_at")
    encoder = manifest.get("encoder") or {}
    return {
        **facts,
        "sources": len(sources) - len(unreadable),
        "unreadable": unreadable,
        "created_at": manifest.get("created_at"),
        "updated_at": updated,
        "unfinished": is_unfinished(manifest),
        "finish": finishing_command(manifest, folder),
        "age_seconds": round(time.time() - updated, 1) if updated else None,
        "encoder": {
            key: encoder.get(key)
            for key in ("name", "title", "options", "fingerprint", "dim", "max_tokens")
        }
        if encoder
        else None,
        "texts": manifest.get("texts"),
        "backend": manifest.get("backend"),
        **describe_backend(catalog, derived),
        "bytes_on_disk": _bytes_in(folder),
    }


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # a writer has just deleted it
                total += Path(place, name).stat().st_size
    return total


def describe_backend(catalog: Catalog, derived: DerivedIndex) -> dict[str, Any]:
    """What the backend holds, as it was committed: vectors, its own facts, and any drift."""
    if not catalog.manifest().get("encoder"):
        return {"backend_vectors": None, "backend_facts": {}, "drift": None}
    try:
        try:
            return _compared(catalog, derived)
        except (DamagedIndexError, OSError):
            # A writer may just have put a new generation in place of the one we looked for.
            return _compared(catalog, derived)
    except (CodeIndexError, OSError) as error:
        drift = f"the backend cannot be opened: {error}"
        return {"backend_vectors": None, "backend_facts": {}, "drift": drift}


def _compared(catalog: Catalog, derived: DerivedIndex) -> dict[str, Any]:
    with catalog.snapshot():
        snippets, pending = catalog.count("snippets"), catalog.count("outbox")
        vectors, facts = derived.glance(catalog)
    drift = None
    if vectors != snippets:
        why = f"{pending:,} changes are pending" if pending else "see codeindex verify"
        drift = f"the backend holds {vectors:,} vectors, the catalog {snippets:,} snippets; {why}"
    return {"backend_vectors": vectors, "backend_facts": dict(facts), "drift": drift}
