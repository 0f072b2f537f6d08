"""Bringing an index up to date with its files, and taking sources out of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from codeindex.catalog.catalog import Catalog
from codeindex.catalog.file import IN_MEMORY
from codeindex.encoding import IndexEncoder
from codeindex.errors import NotFoundError, UnavailableError, UsageError
from codeindex.filters import Filter
from codeindex.finishing import finishing_command
from codeindex.indexing import Progress, Run, UpdateOptions
from codeindex.receipt import Receipt
from codeindex.recipes import refuse_embedded
from codeindex.store import Store


def update(
    store: Store,
    encoder: IndexEncoder,
    paths: Sequence[Path],
    options: UpdateOptions | None = None,
    progress: Progress | None = None,
) -> Receipt:
    """See `Index.update`.

    Args:
        paths: absolute; none means the whole root.
    """
    options = options or UpdateOptions()
    targets = list(paths) or [store.root]
    for target in targets:
        if not target.exists():
            raise NotFoundError(f"no such file or folder: {target}")
    refuse_embedded(store.manifest(), store.folder)
    encoder.check_choice(may_differ=options.dry_run and options.other_encoder)
    if options.dry_run:
        catalog = store.catalog if store.exists else Catalog(IN_MEMORY)
        return Run(store.host, catalog, store.root, encoder, options).update(targets)
    with store.writing() as catalog, _kept(store):
        store.bring_up_to_date()  # what a killed run has left to do
        receipt = _carry_out(store, catalog, encoder, targets, options, progress)
        if options.optimize and store.derived.needs_optimizing():
            store.derived.optimize(catalog)
        return receipt


def _carry_out(
    store: Store,
    catalog: Catalog,
    encoder: IndexEncoder,
    targets: Sequence[Path],
    options: UpdateOptions,
    progress: Progress | None,
) -> Receipt:
    run = Run(store.host, catalog, store.root, encoder, options)
    done = False

    def stored() -> None:
        if not catalog.manifest().get("unfinished"):
            with catalog.transaction():
                catalog.set_manifest({"unfinished": True})
        # The backend takes each chunk while workers extract the next.
        store.derived.apply(catalog)

    try:
        receipt = run.update(targets, progress, stored)
        done = True
    finally:
        store.bring_up_to_date()
        with catalog.transaction():
            finished = {"unfinished": False} if done else {}
            catalog.set_manifest({"updated_at": time.time(), **finished})
    return receipt


def remove(store: Store, globs: Sequence[str]) -> int:
    """See `Index.remove`."""
    where = Filter(tuple(globs))
    if not globs:
        raise UsageError("say which paths to remove; '**' means all")
    matching = [path for path in store.catalog.sources() if where.matches_path(path)]
    if not matching:
        raise NotFoundError(f"no source in the index matches {', '.join(globs)}")
    with store.writing() as catalog, _kept(store):
        with catalog.transaction():
            rows = catalog.sources()
            gone = [rows[path].id for path in matching if path in rows]
            removed = catalog.remove_sources(gone)
        store.bring_up_to_date()
    return removed


@contextmanager
def _kept(store: Store) -> Iterator[None]:
    """Says of a server that is away what is done all the same, and how to go on."""
    try:
        yield
    except UnavailableError as error:
        command = finishing_command(store.manifest(), store.folder)
        raise UnavailableError(
            f"{error}; nothing is lost, the catalog keeps it: go on with: {command}"
        ) from error
