"""What the tests of packs share: changing the inside of one, and comparing folders."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zipfile
from contextlib import closing, suppress
from pathlib import Path

from codeindex.catalog.checksums import row_checksum, vector_checksum
from codeindex.packing.format import PACK_MANIFEST


def entries_of(pack: Path) -> dict[str, bytes]:
    """The entries of a pack, in order, but for the list of entries."""
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != PACK_MANIFEST}


def manifest_of(pack: Path) -> dict:
    with zipfile.ZipFile(pack) as archive:
        return json.loads(archive.read(PACK_MANIFEST))


def write_pack(target: Path, manifest: dict, entries: list[tuple], listed: bool = True) -> Path:
    """A pack with these (name or ZipInfo, bytes), whose list names them with right digests."""
    if listed:
        manifest = {
            **manifest,
            "entries": [
                {
                    "name": name if isinstance(name, str) else name.filename,
                    "size": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
                for name, data in entries
            ],
        }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(PACK_MANIFEST, json.dumps(manifest))
        for name, data in entries:
            if name == "encoder/model.onnx":
                archive.writestr(name, data, zipfile.ZIP_STORED)  # long, and not smaller otherwise
            else:
                archive.writestr(name, data)
    return target


def changed_catalog(pack: Path, target: Path, *statements: str) -> Path:
    """The pack with statements run in its catalog, its list of entries right again."""
    entries = entries_of(pack)
    path = target.with_name("changed.sqlite")
    path.write_bytes(entries["catalog.sqlite"])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        for statement in statements:
            connection.execute(statement)
        # Whoever changes values can make their checksums, too.
        with suppress(sqlite3.Error):
            write_checksums(connection)
    entries["catalog.sqlite"] = path.read_bytes()
    path.unlink()
    return write_pack(target, manifest_of(pack), list(entries.items()))


def write_checksums(connection: sqlite3.Connection) -> None:
    """Gives every row the checksum of what is in it now."""
    connection.create_function("row_checksum", -1, row_checksum, deterministic=True)
    connection.create_function("vector_checksum", 3, vector_checksum, deterministic=True)
    connection.execute("UPDATE manifest SET checksum = row_checksum(key, value)")
    connection.execute(
        "UPDATE snippets SET checksum = row_checksum(id, key, text_digest,"
        " path, language, kind, name, start_line, end_line, code, docstring, extra)"
    )
    connection.execute(
        "UPDATE vectors SET checksum = vector_checksum(encoder, text_digest, vector)"
    )


def below(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder: relative name → contents, or None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
