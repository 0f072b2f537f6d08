"""What an index is: content, age, encoder, backend, size."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from codeindex.catalog.catalog import Catalog


def describe_index(catalog: Catalog, folder: Path, root: Path) -> dict[str, Any]:
    """The facts that ``codeindex status`` shows, as JSON values.

    Times are seconds since the epoch, ages seconds, sizes bytes.
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
        "age_seconds": round(time.time() - updated, 1) if updated else None,
        "encoder": {
            key: encoder.get(key)
            for key in ("name", "title", "options", "fingerprint", "dim", "max_tokens")
        }
        if encoder
        else None,
        "texts": manifest.get("texts"),
        "backend": manifest.get("backend"),
        "bytes_on_disk": sum(path.stat().st_size for path in folder.glob("**/*") if path.is_file()),
    }
