"""``paper_code_with_files.json`` → the source files in it, one paper in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import ijson

from codeindex.errors import ExtractionError
from codeindex.snippet import SourceFile


class PapersExtractor:
    """Yields a `SourceFile` for each code file of each cloned repository."""

    def __init__(self, max_papers: int = 0) -> None:
        """Reads at most `max_papers` papers; 0 means all."""
        self._max_papers = max_papers

    def extract(self, source: SourceFile) -> Iterator[SourceFile]:
        """The code files, in the order of the file.

        Raises:
            ExtractionError: it is not what it should be; the message names the file, the
                entry's position (from 0) and the field.
        """
        if source.location is None:
            raise ExtractionError(f"{source.path}: papers are read from a file on disk")
        try:
            with source.location.open("rb") as file:
                if _first_letter(file.read(4096)) != b"[":
                    raise ExtractionError(f"{source.path}: not a JSON list of papers")
                file.seek(0)
                entries = ijson.items(file, "item", use_float=True)
                for position, entry in enumerate(islice(entries, self._max_papers or None)):
                    yield from _Entry(f"{source.path}: entry {position}", entry).files()
        except ijson.JSONError as error:
            raise ExtractionError(f"{source.path}: no valid JSON: {error}") from error
        except OSError as error:
            raise ExtractionError(f"{source.path}: {error.strerror or error}") from error


def _first_letter(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


class _Entry:
    """One paper with its repositories; says where it stands when something is wrong."""

    def __init__(self, place: str, entry: Any) -> None:
        self._place = place
        self._entry = self._object(entry, "")

    def files(self) -> Iterator[SourceFile]:
        paper = self._object(self._entry.get("paper"), "paper")
        facts = {
            "paper_id": self._text(paper, "arxiv_id", "paper"),
            "paper_title": self._text(paper, "title", "paper"),
            "paper_abstract": self._text(paper, "abstract", "paper"),
            "paper_url": self._text(paper, "url", "paper"),
        }
        for number, item in enumerate(self._list(self._entry.get("repositories"), "repositories")):
            where = f"repositories[{number}]"
            repository = self._object(item, where)
            if repository.get("cloned") is True:
                yield from self._repository_files(repository, where, facts)

    def _repository_files(
        self, repository: dict[str, Any], where: str, facts: dict[str, str]
    ) -> Iterator[SourceFile]:
        url = self._text(repository, "url", where)
        name = self._text(repository, "name", where) or url.rstrip("/").rpartition("/")[2]
        files = self._list(repository.get("code_files"), f"{where}.code_files")
        for number, item in enumerate(files):
            place = f"{where}.code_files[{number}]"
            file = self._object(item, place)
            path = self._text(file, "path", place)
            content = self._text(file, "content", place)
            language = self._text(file, "language", place).lower()
            if content and language:
                yield SourceFile(
                    f"{name}/{path}",
                    language,
                    content.replace("\r\n", "\n").replace("\r", "\n"),
                    extra={**facts, "repo_name": name, "repo_url": url, "file_path": path},
                )

    def _text(self, owner: dict[str, Any], key: str, where: str) -> str:
        value = owner.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(f"{where}.{key}", "text", value)
        return value

    def _list(self, value: Any, where: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(where, "a list", value)
        return value

    def _object(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(where, "an object", value)
        return value

    def _wrong(self, where: str, expected: str, value: Any) -> ExtractionError:
        field = f", field {where!r}" if where else ""
        return ExtractionError(
            f"{self._place}{field}: expected {expected}, found {type(value).__name__}"
        )
