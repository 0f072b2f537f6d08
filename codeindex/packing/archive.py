"""Pack: a pack open for reading; nothing in it is believed before it has been checked."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from codeindex.errors import DamagedIndexError, NotFoundError, StorageError, UsageError
from codeindex.packing.format import PACK_MANIFEST, Entry, PackManifest, read_manifest

_CHUNK = 1 << 20
_LONGEST_MANIFEST = 16 << 20
_MOST_EXPANSION = 100  # times; catalogs, most of them vectors, reach 2
_FREE_EXPANSION = 64 << 20  # bytes; a small catalog is mostly empty pages
_LOCAL_HEADER = 30
_START = b"PK\x03\x04"
_END, _END_MARK = 22, b"PK\x05\x06"
_UTF8 = 0x800
_UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` raises of a file that is none, or is damaged."""


class Pack:
    """A pack whose list of entries is sound; the entries themselves are checked as they are read.

    Close it, or use ``with``.

    Attributes:
        path: of the file.
        manifest: what is in it.
    """

    def __init__(self, path: Path) -> None:
        """Opens a pack and checks its list of entries.

        Raises:
            NotFoundError: there is no such file.
            UsageError: it is no pack.
            IndexVersionError: it is of a newer codeindex.
            DamagedIndexError: it is damaged, or holds what no pack holds.
        """
        self.path = path
        try:
            self._file: IO[bytes] = path.open("rb")
        except FileNotFoundError:
            raise NotFoundError(f"no such file: {path}") from None
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
        try:
            self._zip = self._open()
            infos = self._zip.infolist()
            self._check_structure(infos)
            self.manifest: PackManifest = read_manifest(self._read_manifest(infos[0]), path)
            self._infos = {info.filename: info for info in infos[1:]}
            self._check_entries(infos[1:])
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Closes the file. May be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- opening ----------------------------------------------------------------------------

    def _open(self) -> zipfile.ZipFile:
        start = self._file.read(_LOCAL_HEADER + len(PACK_MANIFEST))
        name = start[_LOCAL_HEADER:].decode("utf-8", "replace")
        try:
            return zipfile.ZipFile(self._file)
        except _UNREADABLE as error:
            if start.startswith(_START) and name == PACK_MANIFEST:
                raise DamagedIndexError(
                    f"{self.path} is cut short or damaged ({error}); copy or pack it again"
                ) from error
            raise UsageError(
                f"{self.path} is no pack of codeindex; one is made by: codeindex pack -o FILE"
            ) from error

    def _check_structure(self, infos: Sequence[zipfile.ZipInfo]) -> None:
        """The archive is laid out as `codeindex pack` does it, and in no other way.

        So no entry hides before, between or behind the others, none shares the bytes of
        another, and none is anything but a plain file.
        """
        if not infos or infos[0].orig_filename != PACK_MANIFEST:
            raise UsageError(
                f"{self.path} is no pack of codeindex: it does not begin with {PACK_MANIFEST}"
            )
        end = 0
        for info in infos:
            fault = _entry_fault(info)
            if fault is None and info.header_offset < end:
                fault = "shares its bytes with another entry"
            if fault:
                raise DamagedIndexError(
                    f"{self.path} is refused: the entry {info.orig_filename!r} {fault}"
                )
            end = info.header_offset + _LOCAL_HEADER + info.compress_size
        if infos[0].header_offset != 0 or self._zip.comment or not self._ends_with_its_list():
            raise DamagedIndexError(
                f"{self.path} is refused: it holds more than the entries, before or after them"
            )

    def _ends_with_its_list(self) -> bool:
        """Whether nothing was appended: `zipfile` looks for the end of the list further up."""
        self._file.seek(-_END, os.SEEK_END)
        return self._file.read(len(_END_MARK)) == _END_MARK

    def _read_manifest(self, info: zipfile.ZipInfo) -> bytes:
        if info.file_size > _LONGEST_MANIFEST:
            raise DamagedIndexError(f"{self.path} is refused: its {PACK_MANIFEST} is too long")
        with self._reading(PACK_MANIFEST):
            return self._zip.read(info)

    def _check_entries(self, infos: Sequence[zipfile.ZipInfo]) -> None:
        listed = [entry.name for entry in self.manifest.entries]
        held = [info.orig_filename for info in infos]
        if held != listed:
            unlisted = [name for name in held if name not in set(listed)]
            missing = [name for name in listed if name not in set(held)]
            what = (
                f"{unlisted[0]!r} is not in its list of entries"
                if unlisted
                else f"{missing[0]!r} is missing"
                if missing
                else "an entry is there twice, or not in its place"
            )
            raise DamagedIndexError(f"{self.path} is refused: {what}")
        for entry in self.manifest.entries:
            size = self._infos[entry.name].file_size
            if size != entry.size:
                raise DamagedIndexError(
                    f"{self.path} is refused: {entry.name!r} has {size:,} bytes,"
                    f" its list of entries says {entry.size:,}"
                )

    # -- reading ----------------------------------------------------------------------------

    def copy(self, entry: Entry, write: Callable[[bytes], object]) -> None:
        """Gives the bytes of an entry to `write`, in parts. They count only if this returns.

        Raises:
            DamagedIndexError: they are not those that were packed.
        """
        digest = hashlib.sha256()
        left = entry.size
        with self._reading(entry.name):
            source = self._zip.open(self._infos[entry.name])
        with source:
            while True:
                with self._reading(entry.name):
                    chunk = source.read(_CHUNK)
                if not chunk:
                    break
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                write(chunk)
        if left or digest.hexdigest() != entry.sha256:
            raise DamagedIndexError(
                f"{self.path}: the entry {entry.name!r} is not what was packed (its digest"
                " differs); copy or pack it again"
            )

    def extract(self, entry: Entry, folder: Path, copied: Callable[[int], object]) -> None:
        """Writes an entry below `folder`, under its own name, which must be new there.

        Args:
            copied: told of each part how many bytes it has.

        Raises:
            DamagedIndexError: see `copy`.
            OSError: it cannot be written.
        """
        target = folder.joinpath(*entry.name.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            self.copy(entry, lambda data: copied(file.write(data)))

    @contextmanager
    def part(self, entry: Entry) -> Iterator[IO[bytes]]:
        """An entry as a file that can be read and sought in; nothing of it is checked."""
        with self._reading(entry.name), self._zip.open(self._infos[entry.name]) as source:
            yield source

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise DamagedIndexError(
                f"{self.path}: the entry {name!r} cannot be read ({error}); copy or pack it again"
            ) from error


def _entry_fault(info: zipfile.ZipInfo) -> str | None:
    """What is wrong with an entry of the archive, as words that follow its name."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.filename != info.orig_filename:
        return "has a name that its system would change"
    if kind not in (0, stat.S_IFREG) or info.is_dir():
        return "is no plain file"
    if info.flag_bits & ~_UTF8:
        return "is encrypted, or of a kind that no pack holds"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that no pack is"
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        return "has two sizes"
    if info.file_size > _MOST_EXPANSION * info.compress_size + _FREE_EXPANSION:
        return f"would grow from {info.compress_size:,} to {info.file_size:,} bytes"
    return None
