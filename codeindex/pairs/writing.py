"""Rows → a file of pairs, written as they come, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codeindex.errors import StorageError
from codeindex.files import replacing
from codeindex.pairs.pair import Pair

_LINES = frozenset({".jsonl", ".ndjson"})


def write_rows(rows: Iterable[Mapping[str, Any]], target: Path) -> int:
    """Writes a JSON list, or one object a line where the name ends so (``.jsonl``).

    Memory does not grow with the input. Where there is nothing to write, an older file stays
    as it is.

    Returns:
        How many rows were written.

    Raises:
        StorageError: the file cannot be written.
    """
    begin, between, end = ("", "\n", "\n") if target.suffix in _LINES else ("[\n", ",\n", "\n]\n")
    written = 0
    if target.is_dir():
        raise StorageError(f"cannot write {target}: it is a folder")
    with replacing(target) as temporary:
        with temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(begin)
            for row in rows:
                file.write(between if written else "")
                file.write(json.dumps(row, ensure_ascii=False))
                written += 1
            file.write(end)
        if not written and target.exists():
            temporary.unlink()  # what may be there from before is worth more than nothing
    return written


def as_row(pair: Pair) -> dict[str, Any]:
    """A pair as `read_pairs` reads it and as sentence-transformers does: no column is a list."""
    row: dict[str, Any] = {"anchor": pair.anchor, "positive": pair.positive}
    row |= {f"negative_{number}": text for number, text in enumerate(pair.negatives, 1)}
    return row | {"metadata": dict(pair.metadata)}
