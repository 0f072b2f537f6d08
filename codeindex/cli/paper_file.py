"""The text of a paper, from a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from codeindex.errors import UsageError
from codeindex.paper_text import MAX_PAPER_CHARS

_MOST = 4 * MAX_PAPER_CHARS + 4  # bytes; UTF-8 has at most 4 a letter


def read_paper(name: str) -> str:
    """The text of the file `name`; of standard input if it is ``-``.

    Raises:
        UsageError: it is no text.
    """
    if name == "-":
        data = sys.stdin.buffer.read(_MOST)
    else:
        with Path(name).open("rb") as file:
            data = file.read(_MOST)
    called = "standard input" if name == "-" else name
    if data.startswith(b"%PDF"):
        raise UsageError(f"{called} is a PDF; give its abstract as text")
    if b"\0" in data:
        raise UsageError(f"{called} is no text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{called} is not UTF-8: byte {error.start}") from None
