"""A JSON list, read entry by entry."""

from __future__ import annotations

from collections.abc import Generator
from io import BufferedReader
from pathlib import Path
from typing import Any

from codeindex.errors import NotFoundError, UsageError

_BOM = b"\xef\xbb\xbf"


def read_list(path: Path, of: str) -> Generator[Any]:
    """The entries of the list that a file holds, one in memory at a time.

    Args:
        of: what they should be, for messages.

    Raises:
        NotFoundError, UsageError: there is no such file, or no such list in it.
    """
    import ijson

    with opened(path) as file:
        _to_the_list(file, path, of)
        try:
            yield from ijson.items(file, "item", use_float=True)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: no valid JSON: {_reason(error)}") from error


def opened(path: Path) -> BufferedReader:
    """The file, open for reading.

    Raises:
        NotFoundError, UsageError: it cannot be read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _to_the_list(file: BufferedReader, path: Path, of: str) -> None:
    """Leaves `file` at the start of its JSON, which must be a list."""
    head = file.read(4096)
    if not head.strip():
        raise UsageError(f"{path} is empty; it should be a JSON list of {of}")
    if head.removeprefix(_BOM).lstrip()[:1] != b"[":
        raise UsageError(f"{path}: not a JSON list of {of}")
    file.seek(len(_BOM) if head.startswith(_BOM) else 0)


def _reason(error: Exception) -> str:
    """The first line of what the parser says; the rest draws an arrow to the place."""
    said = error.args[0] if error.args else error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    first = text.strip().splitlines()[0].strip()
    return f"{first} (it is cut off, or was never finished)" if "EOF" in first else first
