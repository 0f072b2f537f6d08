"""The input of an embedding run: which of the two formats it is, its content says, not its name."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from codeindex.embedding.fields import Fields
from codeindex.embedding.items import Item, LanguageOf, file_item, snippet_item
from codeindex.embedding.json_lists import opened, read_list
from codeindex.errors import UsageError
from codeindex.papers_json import CodeFile, Paper, Repository, read_papers


class Format(StrEnum):
    """What an input is."""

    SNIPPETS = "code_snippets"
    PAPERS = "paper_code_with_files"


@dataclass(slots=True)
class Input:
    """A file of snippets, or of papers with their code. One entry of it is in memory at a time.

    Attributes:
        format: of which the last reading has found it to be; None before, and of an empty list.
        empty: items without code that the last complete reading met. Of papers they are left
            out; of snippets they are kept, so that vectors and snippets stay side by side.
    """

    path: Path
    language_of: LanguageOf
    format: Format | None = None
    empty: int = field(default=0, init=False)

    def items(self) -> Iterator[Item]:
        """All items, in the order of the file.

        Raises:
            NotFoundError, UsageError, ExtractionError: there is no such file, or it is not what
                it should be; the message names the file, the entry's position (from 0) and the
                field.
        """
        self.empty = 0
        self.format = self._recognised()
        if self.format is Format.SNIPPETS:
            for position, value in enumerate(self._entries()):
                entry = Fields(value, f"{self.path}: entry {position}")
                item = snippet_item(entry, self.language_of)
                self.empty += not item.snippet.code.strip()
                yield item
        elif self.format is Format.PAPERS:
            index = 0
            for paper in read_papers(self.path):
                for repository, file in _files(paper):
                    if not file.content.strip():
                        self.empty += 1
                        continue
                    yield file_item(paper, repository, file, index, self.language_of)
                    index += 1

    def _recognised(self) -> Format | None:
        """What the first entry is; None if there is none."""
        place = f"{self.path}: entry 0"
        with closing(self._entries()) as entries:
            for value in entries:
                return _format_of(Fields(value, place), place)
        return None

    def digest(self) -> str:
        """SHA-256 of its bytes.

        Raises:
            NotFoundError, UsageError: it cannot be read.
        """
        with opened(self.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def stamp(self) -> tuple[int, int] | None:
        """Its size and time: another means that it was written to since. None: it is gone."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def _entries(self) -> Generator[Any]:
        return read_list(self.path, "snippets or of papers")


def _files(paper: Paper) -> Iterator[tuple[Repository, CodeFile]]:
    for repository in paper.repositories:
        for file in repository.files:
            yield repository, file


def _format_of(entry: Fields, place: str) -> Format:
    if "paper_text" in entry:
        raise UsageError(
            f"{place}: this is a file of pairs, for training; embed takes code_snippets.json or"
            " paper_code_with_files.json"
        )
    if "code_text" in entry:
        return Format.SNIPPETS
    if "repositories" in entry or "paper" in entry:
        return Format.PAPERS
    raise UsageError(
        f"{place}: neither a snippet (field 'code_text') nor a paper with its code (field"
        " 'repositories')"
    )
