"""CatalogFile: one SQLite file, its transactions, and the manifest that says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from codeindex.catalog.checksums import check, row_checksum
from codeindex.catalog.connection import connect, translated
from codeindex.catalog.schema import MIGRATIONS, migrate, schema_version
from codeindex.errors import IndexVersionError, NotFoundError, StorageError

IN_MEMORY = Path(":memory:")

SET_MANIFEST = (
    "INSERT INTO manifest (key, value, checksum) VALUES (?, ?, ?) ON CONFLICT (key)"
    " DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
)


def manifest_row(key: str, value: Any) -> tuple[str, str, int]:
    """What `SET_MANIFEST` takes, of a key and a JSON value."""
    text = json.dumps(value)
    return key, text, row_checksum(key, text)


class CatalogFile:
    """The file of a catalog. Not shared between threads."""

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        """Opens the catalog, migrated if needed (unless `readonly`); ``:memory:`` makes one.

        Raises:
            NotFoundError: there is none.
            IndexVersionError: it was written by a newer version.
            DamagedIndexError, StorageError, IndexLockedError: see `connection.translated`.
        """
        if path != IN_MEMORY and not path.exists():
            raise NotFoundError(f"no catalog at {path}")
        self.path = path
        self._manifest: dict[str, Any] | None = None
        self._manifest_version = 0
        self._connection = connect(path, readonly=readonly)
        try:
            with translated(path):
                if readonly:
                    if schema_version(self._connection) < len(MIGRATIONS):
                        self._reopen_migrated()
                else:
                    migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def _reopen_migrated(self) -> None:
        self._connection.close()
        try:
            type(self)(self.path).close()
        except StorageError as error:
            raise IndexVersionError(
                f"the index has an older format, and is to be opened once where it can be written"
                f" ({error})"
            ) from error
        self._connection = connect(self.path, readonly=True)

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any]) -> Self:
        """Makes a catalog that is there whole or not at all, however the process may end.

        Raises:
            StorageError: it cannot be written.
        """
        draft = path.with_name(f"{path.name}.new")
        try:
            for ending in ("", "-wal", "-shm"):  # of a process that was killed
                draft.with_name(f"{draft.name}{ending}").unlink(missing_ok=True)
            draft.touch()
            catalog = cls(draft)
            try:
                with catalog.transaction():
                    catalog.set_manifest(manifest)
            finally:
                catalog.close()
            draft.replace(path)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        return cls(path)

    def close(self) -> None:
        """Closes the file. May be called twice."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes durable together, or not at all."""
        with translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._forget()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _forget(self) -> None:
        """Called when a transaction fails: what was read may be what is taken back now."""
        self._manifest = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever a writer does meanwhile."""
        with translated(self.path), self.moment():
            yield

    @contextmanager
    def moment(self) -> Iterator[None]:
        """The same within a transaction or another moment, too; SQLite's errors stay its own."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    # -- manifest ---------------------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        """What the index is: root, extractors, encoder, backend, its files, times."""
        with translated(self.path):
            # The number changes when another connection has committed; every search asks.
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if self._manifest is None or version != self._manifest_version:
                rows = self._connection.execute("SELECT key, value, checksum FROM manifest")
                self._manifest = {}
                for key, value, checksum in rows.fetchall():
                    check("manifest", checksum, row_checksum(key, value))
                    self._manifest[key] = json.loads(value)
                self._manifest_version = version
        return dict(self._manifest)

    def set_manifest(self, values: Mapping[str, Any]) -> None:
        """Sets keys of the manifest to JSON values."""
        self._manifest = None
        self._connection.executemany(
            SET_MANIFEST, [manifest_row(key, value) for key, value in values.items()]
        )
