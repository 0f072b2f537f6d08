"""Keeping an index in order: its backend remade, made faster or checked, its texts reencoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeindex.catalog.catalog import Catalog
from codeindex.encoding import IndexEncoder, embed_missing
from codeindex.errors import DamagedIndexError, PluginError, StorageError, UsageError
from codeindex.indexing import Progress
from codeindex.interfaces import IndexBackend
from codeindex.recipes import refuse_embedded
from codeindex.store import Store
from codeindex.verification import Verification, check_backend, check_catalog


def reencode(store: Store, encoder: IndexEncoder, progress: Progress | None = None) -> int:
    """See `Index.reencode`."""
    refuse_embedded(store.manifest(), store.folder)
    with store.writing() as catalog:
        wanted = encoder.make_wanted()
        with catalog.transaction():
            row = catalog.encoder_id(wanted.info, encoder.fingerprint(wanted))
        embedded = embed_missing(catalog, wanted, row, progress)
        if encoder.is_new():
            encoder.bind(wanted, row)
            store.bring_up_to_date()
        else:
            _replace_backend(store, catalog, {"encoder": encoder.describe(wanted, row)})
            encoder.bound(wanted)
    return embedded


def optimize(store: Store) -> bool:
    """See `Index.optimize`."""
    with store.writing() as catalog:
        store.bring_up_to_date()
        if not store.manifest().get("encoder"):
            return False
        return store.derived.optimize(catalog)


def rebuild_choice(
    store: Store, backend: str | None, backend_options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """See `Index.rebuild_choice`."""
    manifest = store.catalog.manifest()
    if not manifest.get("encoder"):
        raise UsageError(f"the index at {store.folder} holds no vectors yet")
    return store.derived.choice.other(manifest, backend, backend_options)


def rebuild(
    store: Store,
    backend: str | None,
    backend_options: Mapping[str, Any] | None,
    progress: Progress | None = None,
) -> Verification:
    """See `Index.rebuild`."""
    with store.writing() as catalog:
        wanted = rebuild_choice(store, backend, backend_options)
        return _replace_backend(store, catalog, {"backend": wanted}, progress)


def _replace_backend(
    store: Store,
    catalog: Catalog,
    changes: Mapping[str, Any],
    progress: Progress | None = None,
) -> Verification:
    report = Verification()

    def check(backend: IndexBackend, manifest: Mapping[str, Any]) -> None:
        encoder = manifest["encoder"]
        check_backend(catalog, backend, int(encoder["row"]), int(encoder["dim"]), report)
        if report.problems:
            raise PluginError(
                f"the new backend is not sound, the old one is kept: {report.problems[0]}"
            )

    store.derived.rebuild(catalog, changes, check, progress)
    return report


def verify(store: Store, encoder: IndexEncoder, *, repair: bool = False) -> Verification:
    """See `Index.verify`."""
    with store.locked_if_writable():
        first = _examine(store)
    if first.ok or not repair:
        return first
    with store.writing() as catalog:
        with catalog.transaction():
            catalog.rebuild_words()
            catalog.drop_damaged_vectors()
        row, dim = encoder.row(), store.derived.place(catalog).space.dim
        if catalog.snippets_without_vector(row, dim):
            embed_missing(catalog, encoder.get(), row, None, encoder.recipe)
        _replace_backend(store, catalog, {})
    second = _examine(store)
    second.repaired = [item for item in first.problems if item not in second.problems]
    return second


def _examine(store: Store) -> Verification:
    report = Verification()
    catalog, manifest = store.catalog, store.manifest()
    if not manifest.get("encoder"):
        report.problems.extend(catalog.problems())
        return report
    row, dim = int(manifest["encoder"]["row"]), int(manifest["encoder"]["dim"])
    check_catalog(catalog, row, dim, report)
    try:
        store.derived.examine(
            catalog, lambda backend: check_backend(catalog, backend, row, dim, report)
        )
    except (DamagedIndexError, StorageError) as damage:
        report.snippets = catalog.count("snippets")
        report.problems.append(f"backend: {damage}")
    return report
