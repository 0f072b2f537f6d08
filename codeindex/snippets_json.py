"""``code_snippets.json``: functions and methods as one flat JSON list, written as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from codeindex.files import replacing
from codeindex.snippet import Snippet

KINDS = ("function", "method")


@dataclass(frozen=True, slots=True)
class Counts:
    """Functions and methods that were read, and those that were long enough to be written."""

    read: int
    written: int


def write_snippets(
    snippets: Iterable[Snippet],
    target: Path,
    *,
    min_lines: int = 50,
    require_docstring: bool = True,
    repo_name: str = "",
) -> Counts:
    """Writes the file whole or not at all; memory does not grow with the input.

    Where there is nothing to write, an older file stays as it is.

    Args:
        snippets: of any kind; only functions and methods are taken.
        target: the JSON file.
        min_lines: shorter ones are left out.
        require_docstring: those without a docstring are left out.
        repo_name: of snippets that do not say it themselves.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(target) as temporary:
        with temporary.open("w", encoding="utf-8", errors="replace") as file:
            counts = _write(snippets, file, min_lines, require_docstring, repo_name)
        if not counts.written and target.exists():
            temporary.unlink()  # what may be there from before is worth more than nothing
    return counts


def _write(
    snippets: Iterable[Snippet],
    file: TextIO,
    min_lines: int,
    require_docstring: bool,
    repo_name: str,
) -> Counts:
    read = written = 0
    file.write("[")
    for snippet in snippets:
        if snippet.kind not in KINDS:
            continue
        read += 1
        lines = snippet.end_line - snippet.start_line + 1
        if lines < min_lines or (require_docstring and not snippet.docstring):
            continue
        file.write(",\n" if written else "\n")
        file.write(json.dumps(as_row(snippet, repo_name), ensure_ascii=False))
        written += 1
    file.write("\n]\n")
    return Counts(read, written)


def as_row(snippet: Snippet, repo_name: str = "") -> dict[str, Any]:
    """One entry of the file."""
    extra = snippet.extra
    return {
        "paper_id": extra.get("paper_id", ""),
        "paper_title": extra.get("paper_title", ""),
        "paper_abstract": extra.get("paper_abstract", ""),
        "paper_url": extra.get("paper_url", ""),
        "repo_name": extra.get("repo_name", repo_name),
        "repo_url": extra.get("repo_url", ""),
        "file_path": extra.get("file_path", snippet.path),
        "function_name": snippet.name,
        "code_text": snippet.code,
        "line_numbers": {"start": snippet.start_line, "end": snippet.end_line},
        "has_docstring": bool(snippet.docstring),
        "num_lines": snippet.end_line - snippet.start_line + 1,
    }
