"""From the bytes of a source file to its text, or the reason why it has none."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from pathlib import Path

from codeindex.candidates import Candidate
from codeindex.errors import ExtractionError, UnreadableError
from codeindex.walk_options import MAX_BYTES


@dataclass(frozen=True, slots=True)
class ReadSource:
    """What a file holds.

    Attributes:
        digest: 16 bytes, BLAKE2b of the bytes on disk: unchanged bytes, unchanged digest.
        text: decoded, without byte order mark, lines ended by ``\\n``; valid Unicode
            without null characters, so that it can be stored anywhere.
    """

    digest: bytes
    text: str


def read_source(candidate: Candidate, max_bytes: int = MAX_BYTES) -> ReadSource:
    """Reads a candidate.

    Python is decoded as its first two lines declare (PEP 263), everything else as UTF-8.

    Args:
        candidate: from `codeindex.walk.walk`.
        max_bytes: the file may have grown since the walk; more than this is not read.

    Raises:
        UnreadableError: its bytes cannot be read: no permission, or an error of the disk.
        ExtractionError: it vanished, is no regular file, too large, binary or not text in its
            encoding. The message is the reason, without the path.
    """
    data = _read_bytes(candidate.location, max_bytes)
    digest = hashlib.blake2b(data, digest_size=16).digest()
    text = _decode(data, candidate.language)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return ReadSource(digest, text)


# Without O_NONBLOCK, opening a FIFO that took the file's place would wait for ever.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY", "O_BINARY")
)


def _read_bytes(location: Path, max_bytes: int) -> bytes:
    try:
        descriptor = os.open(location, _FLAGS)
    except OSError as error:
        raise _failure(error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ExtractionError("not a regular file")
        # One byte more than allowed tells a file that grew, or lies about its size (/proc).
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise _failure(error) from error
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        raise ExtractionError(f"larger than {max_bytes:,} bytes")
    return data


def _failure(error: OSError) -> ExtractionError:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return ExtractionError("vanished while it was being indexed")
        case errno.EACCES | errno.EPERM:
            return UnreadableError("no permission to read it")
        case errno.ELOOP:
            return ExtractionError("became a symbolic link while it was being indexed")
        case errno.ENXIO | errno.EISDIR:
            return ExtractionError("not a regular file")
    return UnreadableError(error.strerror or str(error))


def _decode(data: bytes, language: str) -> str:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise ExtractionError("UTF-16 text; save it as UTF-8")
    if b"\0" in data:
        raise ExtractionError("binary (null byte)")
    encoding = _declared_encoding(data) if language == "python" else "utf-8"
    body = data.removeprefix(BOM_UTF8)
    if encoding != "utf-8":
        return _decode_declared(body, encoding)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ExtractionError(f"not UTF-8: byte 0x{body[error.start]:02x} in line {line}") from None


# Bytes → text, but not encodings that text is written in: slow on long input, or an escape.
_NO_SOURCE_ENCODING = re.compile(r"idna|punycode|undefined|(raw_)?unicode_escape|mbcs|oem|utf_?7")


def _decode_declared(body: bytes, encoding: str) -> str:
    if _NO_SOURCE_ENCODING.fullmatch(encoding.lower().replace("-", "_")):
        raise ExtractionError(f"declares {encoding!r}, which is no encoding for source text")
    try:
        # The declaration itself was read as ASCII, so an encoding it names must agree with ASCII.
        if b"# coding".decode(encoding) != "# coding":
            raise ExtractionError(f"declares {encoding!r}, which does not extend ASCII")
        text = body.decode(encoding)
        text.encode("utf-8")  # a lone surrogate could not be stored
    except LookupError:
        raise ExtractionError(f"declares {encoding!r}, which is no text encoding") from None
    except ValueError as error:
        raise ExtractionError(f"not {encoding}, which it declares: {error}") from None
    if "\0" in text:
        raise ExtractionError("binary (null character)")
    return text


_FIRST_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?[^\r\n]*")


def _declared_encoding(data: bytes) -> str:
    """PEP 263: the encoding that the first two lines declare, else ``utf-8``."""
    match = _FIRST_LINES.match(data)
    head = match.group() if match else b""
    if b"coding" not in head:
        return "utf-8"
    from io import BytesIO
    from tokenize import detect_encoding

    lines = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        encoding = detect_encoding(BytesIO(lines).readline)[0]
    except SyntaxError as error:
        raise ExtractionError(str(error.msg)) from None
    return "utf-8" if encoding == "utf-8-sig" else encoding
