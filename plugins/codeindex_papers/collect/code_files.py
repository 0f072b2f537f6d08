"""The source files of a clone, as ``code_files`` of ``paper_code_with_files.json`` has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from codeindex.candidates import Skipped, SkipReason
from codeindex.claims import Claims
from codeindex.errors import ExtractionError
from codeindex.reading import read_source
from codeindex.walk import walk
from codeindex.walk_options import WalkOptions
from codeindex_papers.collect.languages import language_name

MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One source file.

    Attributes:
        path: in the repository, with forward slashes.
        extension: with its dot, lower case.
        language: as people write it: ``Python``.
        content: its text, with line ends as ``\\n``.
        lines: of `content`.
        size_bytes: on disk.
    """

    path: str
    extension: str
    language: str
    content: str
    lines: int
    size_bytes: int


def code_files(tree: Path, claims: Claims) -> Iterator[CodeFile | Skipped]:
    """The source files of a clone, one in memory at a time.

    Left out are hidden, vendored and generated files, symbolic links, and, as `Skipped` with
    `is_error`, source that is larger than 1 MiB or no text.
    """
    for item in walk([tree], tree, claims, WalkOptions(max_bytes=MAX_BYTES)):
        if isinstance(item, Skipped):
            yield item
            continue
        try:
            text = read_source(item, MAX_BYTES).text
        except ExtractionError as error:
            yield Skipped(item.path, SkipReason.UNREADABLE, str(error))
            continue
        yield CodeFile(
            item.path,
            PurePosixPath(item.path).suffix.lower(),
            language_name(item.language),
            text,
            text.count("\n") + (not text.endswith("\n") and text != ""),
            item.size,
        )
