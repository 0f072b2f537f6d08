"""Record: the small file in the index folder that says which writing of which collection it is.

One for each writing, numbered and never changed, written before the first change that it
stands for. So a folder can prove which of the server's tokens are its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codeindex.errors import DamagedIndexError, StorageError
from codeindex.files import replacing

_NAME = re.compile(r"collection-(\d{6,})\.json")


@dataclass(frozen=True, slots=True)
class Record:
    """One writing, from its first change to its commit.

    Attributes:
        physical: the collection, as the server calls it.
        token: what the server's state says while, and after, the writing.
        number: rises with each writing of this folder.
        digest: SHA-256 of the file.
    """

    physical: str
    token: str
    number: int
    digest: str = ""

    @property
    def name(self) -> str:
        """Of its file."""
        return f"collection-{self.number:06}.json"

    @property
    def files(self) -> dict[str, str]:
        """Its file and that file's SHA-256, as a commit returns them."""
        return {self.name: self.digest}


def write_record(folder: Path, physical: str, token: str) -> Record:
    """A new record with the next free number, durable when this returns.

    Raises:
        StorageError: the folder cannot be written.
    """
    record = Record(physical, token, 1 + max(_numbers(folder), default=0))
    data = json.dumps({"format": 1, "physical": physical, "token": token}).encode()
    target = folder / record.name
    try:
        with replacing(target) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    return Record(physical, token, record.number, hashlib.sha256(data).hexdigest())


def read_record(folder: Path, files: Mapping[str, str]) -> Record:
    """The record that a commit returned.

    Raises:
        DamagedIndexError: it is not there, or is something else.
    """
    for name, digest in files.items():
        if match := _NAME.fullmatch(name):
            return _read(folder / name, int(match[1]), digest)
    raise DamagedIndexError(f"{folder} has no record of its collection")


def later_records(folder: Path, record: Record) -> list[Record]:
    """Records of the same collection that this folder has begun since."""
    found = [
        _read(folder / f"collection-{number:06}.json", number, "")
        for number in _numbers(folder)
        if number > record.number
    ]
    return [other for other in found if other.physical == record.physical]


def _numbers(folder: Path) -> list[int]:
    return sorted(
        int(match[1]) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))
    )


def _read(path: Path, number: int, digest: str) -> Record:
    try:
        data = json.loads(path.read_bytes())
        return Record(str(data["physical"]), str(data["token"]), number, digest)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedIndexError(f"cannot read {path}: {error}") from error
