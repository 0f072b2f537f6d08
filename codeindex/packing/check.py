"""Whether a pack is whole and sound: digests, names, catalog, encoder."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex.catalog.catalog import Catalog
from codeindex.errors import CodeIndexError, DamagedIndexError
from codeindex.location import CATALOG
from codeindex.packing.archive import Pack
from codeindex.packing.bundles import check_packed_bundle
from codeindex.packing.contents import check_index_manifest, object_array, plain_catalog
from codeindex.packing.format import ENCODER, PackManifest

if TYPE_CHECKING:
    from codeindex.indexing import Progress


@dataclass(slots=True)
class PackVerification:
    """What was checked, and what is wrong.

    Attributes:
        entries: files in the pack.
        bytes: of them, unpacked.
        snippets: in the catalog.
        vectors: snippets of it that have a vector by the index's encoder.
        pending: changes that the vector index gets at the first search.
        problems: one line each; empty means that all is well.
        manifest: what the pack says that it is; None if it cannot be read.
    """

    entries: int = 0
    bytes: int = 0
    snippets: int = 0
    vectors: int = 0
    pending: int = 0
    problems: list[str] = field(default_factory=list)
    manifest: PackManifest | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "ok": self.ok,
            "entries": self.entries,
            "bytes": self.bytes,
            "snippets": self.snippets,
            "vectors": self.vectors,
            "pending_changes": self.pending,
            "packed": dict(self.manifest.index) if self.manifest else None,
            "created": self.manifest.created if self.manifest else None,
            "problems": self.problems,
        }


def verify_pack(file: Path, *, progress: Progress | None = None) -> PackVerification:
    """Checks every byte of a pack against its digests, and what the bytes say.

    The catalog, and the encoder if there is one, are copied to the system's temporary folder.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no pack.
        IndexVersionError: it is of a newer codeindex.
    """
    report = PackVerification()
    try:
        with Pack(file) as opened:
            report.manifest = opened.manifest
            _verify(opened, report, progress)
    except DamagedIndexError as damage:
        report.problems.append(str(damage))
    return report


def _verify(opened: Pack, report: PackVerification, progress: Progress | None) -> None:
    packed = opened.manifest
    report.entries, report.bytes = len(packed.entries), packed.size
    with tempfile.TemporaryDirectory(prefix="codeindex-verify-") as name:
        folder, done = Path(name), 0

        def copied(count: int) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, packed.size)

        for entry in packed.entries:
            try:
                if entry.name == CATALOG or entry.name.startswith(ENCODER):
                    opened.extract(entry, folder, copied)
                else:
                    opened.copy(entry, lambda data: copied(len(data)))
            except DamagedIndexError as damage:
                report.problems.append(str(damage))
        if report.ok:
            _verify_contents(opened, folder, report)


def _verify_contents(opened: Pack, folder: Path, report: PackVerification) -> None:
    packed, pack = opened.manifest, opened.path
    values = plain_catalog(folder / CATALOG, pack)
    check_index_manifest(values, packed, pack)
    check_arrays(opened)
    if bundle := packed.named(ENCODER):
        check_packed_bundle(folder / ENCODER.rstrip("/"), bundle, values, pack)
    row, dim = values["encoder"]["row"], values["encoder"]["dim"]
    with closing(Catalog(folder / CATALOG)) as catalog:
        report.problems.extend(catalog.problems())
        report.snippets = catalog.count("snippets")
        report.pending = catalog.count("outbox")
        lacking = len(catalog.snippets_without_vector(row, dim))
        report.vectors = report.snippets - lacking
        if lacking:
            report.problems.append(f"catalog: {lacking} snippets have no vector")
        try:
            check_counts(catalog, values, packed, pack)
        except CodeIndexError as error:
            report.problems.append(str(error))


def check_counts(
    catalog: Catalog, values: Mapping[str, Any], packed: PackManifest, pack: Path
) -> None:
    """Refuses a catalog that is not the one that the list of entries speaks of.

    Raises:
        DamagedIndexError: it has another number of snippets, or another encoder.
    """
    said, held = packed.index["snippets"], catalog.count("snippets")
    if said != held:
        raise DamagedIndexError(f"{pack}: its catalog has {held:,} snippets, not {said:,}")
    said = packed.index.get("encoder")
    fingerprint = said.get("fingerprint") if isinstance(said, dict) else None
    if fingerprint != values["encoder"]["fingerprint"]:
        raise DamagedIndexError(f"{pack}: its catalog was made with another encoder than it says")


def check_arrays(opened: Pack) -> None:
    """Refuses arrays of Python objects: they are pickles, and reading one runs it.

    Raises:
        DamagedIndexError: there is one, or a file of arrays is none.
    """
    for entry in opened.manifest.entries:
        if not entry.name.endswith((".npy", ".npz")):
            continue
        with opened.part(entry) as file:
            try:
                found = object_array(entry.name, file)
            except (ValueError, zipfile.BadZipFile) as error:
                raise DamagedIndexError(
                    f"{opened.path} is refused: {entry.name!r} is no file of arrays ({error})"
                ) from error
        if found:
            raise DamagedIndexError(
                f"{opened.path} is refused: {found!r} in {entry.name!r} holds Python objects"
            )
