"""Encoder bundle: a folder with everything an encoder is, and the digests to prove it.

::

    encoder.json      what it is; names the towers and the digests of their files
    model.onnx        input_ids, attention_mask (batch, sequence) int64
                      → sentence_embedding (batch, dim) float32, pooled and normalised
    tokenizer.json    of the `tokenizers` library
    hubness.npz       where it has one: what holds back hubs, see `codeindex.hubness`

A dual encoder has two towers, in folders that ``encoder.json`` names::

    "towers": {"query": "query", "corpus": "corpus"}

``static`` says where the table of a static model lies, see the plugin `codeindex_onnx`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

from codeindex.errors import NotFoundError, OptionError, UsageError
from codeindex.hubness import HUBNESS
from codeindex.interfaces import EncoderInfo

MANIFEST = "encoder.json"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
FORMAT = 1

QUERY, CORPUS = "query", "corpus"
Data = bytes | mmap
"""Contents of a file, mapped: of a table, a query touches a few pages."""

_REQUIRED = ("name", "version", "dim", "pooling", "max_tokens", "licence", "digests")


@dataclass(frozen=True, slots=True)
class Tower:
    """One model with its tokenizer."""

    model: Data
    tokenizer: Data
    prompt: str
    static: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """An encoder bundle, read. Its files count as checked after `confirm` only.

    Attributes:
        fingerprint: digest of all that decides its vectors, but for hubness.
        towers: ``query`` and ``corpus``; the same object where one model serves both.
        hubness: contents of its file, and `hubness_digest` of them; None and "" without one.
        dense_share: see `EncoderInfo`; not part of the fingerprint, as it decides no vector.
    """

    name: str
    version: str
    dim: int
    max_tokens: int
    fingerprint: str
    towers: Mapping[str, Tower]
    checks: Sequence[FileCheck]
    dense_share: float | None = None
    hubness: Data | None = None
    hubness_digest: str = ""

    def info(self, dim: int = 0, hubness: bool = True) -> EncoderInfo:
        """What an encoder is that serves the bundle.

        Args:
            dim: it cuts the vectors down to their first so many; 0: to none.
            hubness: it holds back hubs, where the bundle can.

        Raises:
            OptionError: there are not so many dimensions.
        """
        if not 0 <= dim <= self.dim:
            raise OptionError(f"dim is {dim}: {self.name} has {self.dim} dimensions")
        cut = dim not in (0, self.dim)
        held_back = hubness and self.hubness is not None
        if held_back and dim == 1:
            raise OptionError("dim is 1: with hubness, 2 are needed at least")
        return EncoderInfo(
            f"{self.name} {self.version}" + (f" cut to {dim}" if cut else ""),
            self.fingerprint
            + (f"-{self.hubness_digest[:16]}" if held_back else "")
            + (f"-{dim}" if cut else ""),
            dim or self.dim,
            self.max_tokens,
            self.dense_share,
        )

    def confirm(self) -> None:
        """Waits until every file has been checked against its digest.

        Raises:
            UsageError: one is not the file that the manifest names.
        """
        confirm(self.checks, MANIFEST)


class FileCheck(Thread):
    """Digests a file while its contents are being loaded: hashing leaves Python to others."""

    def __init__(self, path: Path, data: Data, digest: str) -> None:
        super().__init__(daemon=True)
        self.path = path
        self._data = data
        self._digest = digest
        self.same = False
        self.start()

    def run(self) -> None:
        """Digests."""
        self.same = hashlib.sha256(self._data).hexdigest() == self._digest


def confirm(checks: Sequence[FileCheck], manifest: str) -> None:
    """Waits until every file has been checked against the digest that `manifest` has of it.

    Raises:
        UsageError: one is not the file that it names.
    """
    for check in checks:
        check.join()
        if not check.same:
            raise UsageError(
                f"{check.path} is not the file that {manifest} names (its digest differs);"
                " get the bundle again, or export it again"
            )


def read_bundle(folder: Path) -> Bundle:
    """Reads a bundle; the check of every file against its digest is begun.

    Raises:
        NotFoundError: the folder or a file is missing.
        UsageError: the manifest is not right.
    """
    if not folder.is_dir():
        raise NotFoundError(
            f"no encoder bundle at {folder}: no such folder; if it was moved, say where it is:"
            " -E path=FOLDER"
        )
    manifest = read_facts(folder / MANIFEST, "encoder", FORMAT, _REQUIRED, ("dim", "max_tokens"))
    digests = manifest["digests"]
    prompts = manifest.get("prompts") or {}
    places = manifest.get("towers") or {QUERY: ".", CORPUS: "."}
    read: dict[str, Data] = {}
    checks: list[FileCheck] = []
    towers: dict[str, Tower] = {}
    for role in (QUERY, CORPUS):
        if role not in places:
            raise UsageError(f"{folder / MANIFEST}: 'towers' lacks {role!r}")
        files = [
            _file(folder, places[role], name, digests, read, checks) for name in (MODEL, TOKENIZER)
        ]
        static = manifest.get("static") if "towers" not in manifest else None
        towers[role] = Tower(files[0], files[1], str(prompts.get(role, "")), static)
    used = {name: digests[name] for name in sorted(read)}
    facts = [FORMAT, used, dict(places), manifest["pooling"], prompts, manifest["max_tokens"]]
    fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    hubness = None
    if HUBNESS in digests:
        hubness = _file(folder, ".", HUBNESS, digests, read, checks)
    return Bundle(
        str(manifest["name"]),
        str(manifest["version"]),
        int(manifest["dim"]),
        int(manifest["max_tokens"]),
        fingerprint,
        towers,
        checks,
        _share(folder, manifest.get("dense_share")),
        hubness,
        digests.get(HUBNESS, ""),
    )


def _share(folder: Path, given: Any) -> float | None:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if given is None or (is_number and 0 <= given <= 1):
        return None if given is None else float(given)
    raise UsageError(f"{folder / MANIFEST}: 'dense_share' is {given!r}, not a number from 0 to 1")


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes ``encoder.json``: `facts`, the format, and the digests of the towers' files.

    Args:
        facts: name, version, dim, pooling, max_tokens, prompts, base_model, licence, made_by,
            ``towers`` of a dual encoder, ``static`` of a static one, ``dense_share`` where known.
    """
    write_facts(folder, MANIFEST, {"format": FORMAT, **facts})


def write_facts(folder: Path, manifest: str, facts: Mapping[str, Any]) -> None:
    """Writes a manifest: `facts`, and the digests of what in the folder decides vectors."""
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.name in (MODEL, TOKENIZER, HUBNESS)
    }
    text = json.dumps({**facts, "digests": digests}, indent=2)
    (folder / manifest).write_text(text + "\n", "utf-8")


def read_facts(
    path: Path, what: str, newest: int, required: Sequence[str], counts: Sequence[str]
) -> dict[str, Any]:
    """What the manifest at `path` says.

    Args:
        what: it is of, for messages: ``encoder``.
        newest: format that is understood.
        required: keys that must be there. counts: keys of positive whole numbers.

    Raises:
        NotFoundError: there is none.
        UsageError: it is not right.
    """
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} is no {what} bundle: it has no {path.name}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no valid JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise UsageError(f"{path} must hold an object")
    if manifest.get("format", 0) > newest:
        raise UsageError(f"{path} has format {manifest['format']}, made by a newer codeindex")
    missing = [key for key in required if key not in manifest]
    if missing:
        raise UsageError(f"{path} lacks {', '.join(missing)}")
    for key in counts:
        if not isinstance(manifest[key], int) or manifest[key] < 1:
            raise UsageError(f"{path}: {key!r} must be a positive whole number")
    return manifest


def _file(
    folder: Path,
    place: str,
    name: str,
    digests: Mapping[str, str],
    read: dict[str, Data],
    checks: list[FileCheck],
) -> Data:
    relative = PurePosixPath(place) / name
    if relative.is_absolute() or ".." in relative.parts:
        raise UsageError(f"{folder / MANIFEST}: the tower {place!r} is outside the bundle")
    key = relative.as_posix()
    if key not in read:
        if key not in digests:
            raise UsageError(f"{folder / MANIFEST} has no digest of {key}")
        read[key] = mapped(folder / relative, digests[key], checks)
    return read[key]


def mapped(path: Path, digest: str, checks: list[FileCheck]) -> Data:
    """The contents of a file, whose check against its digest is begun and put to `checks`.

    Raises:
        NotFoundError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            empty = path.stat().st_size == 0  # which cannot be mapped
            data = b"" if empty else mmap(file.fileno(), 0, access=ACCESS_READ)
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror or error}") from None
    checks.append(FileCheck(path, data, digest))
    return data
