"""The input of an embedding run: which of the two formats it is, its content says, not its name."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Any

from codeindex.embedding.fields import Fields
from codeindex.embedding.items import Item, LanguageOf, file_item, snippet_item
from codeindex.errors import NotFoundError, UsageError
from codeindex.papers_json import CodeFile, Paper, Repository, read_papers

_BOM = b"\xef\xbb\xbf"


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
        with _opened(self.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def stamp(self) -> tuple[int, int] | None:
        """Its size and time: another means that it was written to since. None: it is gone."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def _entries(self) -> Generator[Any]:
        import ijson

        with _opened(self.path) as file:
            _to_the_list(file, self.path)
            try:
                yield from ijson.items(file, "item", use_float=True)
            except (ijson.JSONError, UnicodeDecodeError) as error:
                raise UsageError(f"{self.path}: no valid JSON: {_reason(error)}") from error


def _files(paper: Paper) -> Iterator[tuple[Repository, CodeFile]]:
    for repository in paper.repositories:
        for file in repository.files:
            yield repository, file


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _to_the_list(file: BufferedReader, path: Path) -> None:
    """Leaves `file` at the start of its JSON, which must be a list."""
    head = file.read(4096)
    if not head.strip():
        raise UsageError(f"{path} is empty; it should be a JSON list of snippets or of papers")
    if head.removeprefix(_BOM).lstrip()[:1] != b"[":
        raise UsageError(f"{path}: not a JSON list of snippets or of papers")
    file.seek(len(_BOM) if head.startswith(_BOM) else 0)


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


def _reason(error: Exception) -> str:
    """The first line of what the parser says; the rest draws an arrow to the place."""
    said = error.args[0] if error.args else error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    first = text.strip().splitlines()[0].strip()
    return f"{first} (it is cut off, or was never finished)" if "EOF" in first else first
