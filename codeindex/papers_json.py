"""``paper_code_with_files.json``: papers with their repositories' code, read one at a time."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from codeindex.errors import ExtractionError


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of a repository.

    Attributes:
        path: in its repository.
        extension: with its dot; that of the path where the file does not say it.
        language: as written, "Python".
        lines: as the file says, else counted.
    """

    path: str
    extension: str
    language: str
    content: str
    lines: int


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that was cloned; its name is the last part of the address if it has none."""

    name: str
    url: str
    files: tuple[CodeFile, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper and its cloned repositories; what is missing is empty."""

    arxiv_id: str
    title: str
    abstract: str
    url: str
    repositories: tuple[Repository, ...]


def read_papers(path: Path, *, called: str = "", max_papers: int = 0) -> Iterator[Paper]:
    """The papers of a file, in its order, one in memory at a time.

    Args:
        path: the file.
        called: what messages call it; its path if empty.
        max_papers: read at most these; 0 for all.

    Raises:
        ExtractionError: it is not what it should be; the message names the file, the entry's
            position (from 0) and the field.
    """
    import ijson

    called = called or str(path)
    try:
        with path.open("rb") as file:
            if _first_letter(file) != b"[":
                raise ExtractionError(f"{called}: not a JSON list of papers")
            entries = ijson.items(file, "item", use_float=True)
            for position, entry in enumerate(islice(entries, max_papers or None)):
                yield _Entry(f"{called}: entry {position}").paper(entry)
    except ijson.JSONError as error:
        raise ExtractionError(f"{called}: no valid JSON: {_one_line(error)}") from error
    except OSError as error:
        raise ExtractionError(f"{called}: {error.strerror or error}") from error


def _first_letter(file: BufferedReader) -> bytes:
    """Goes up to the first character that says something; nothing is read twice: it may be a pipe.

    Returns:
        It; empty at the end of the file.
    """
    if file.peek(3).startswith(BOM_UTF8):
        file.read(len(BOM_UTF8))
    while (ahead := file.peek(1)) and not ahead.strip():
        file.read(len(ahead))
    return ahead.lstrip()[:1]


def _one_line(error: Exception) -> str:
    """The parser's message without its drawing of the place."""
    text = str(error) or type(error).__name__
    return text.strip().partition("\n")[0].strip()


class _Entry:
    """Reads one paper; says where it stands when something is wrong."""

    def __init__(self, place: str) -> None:
        self._place = place

    def paper(self, entry: Any) -> Paper:
        whole = self._object(entry, "")
        paper = self._object(whole.get("paper"), "paper")
        items = self._list(whole.get("repositories"), "repositories")
        found = (self._repository(item, f"repositories[{n}]") for n, item in enumerate(items))
        return Paper(
            self._text(paper, "arxiv_id", "paper"),
            self._text(paper, "title", "paper"),
            self._text(paper, "abstract", "paper"),
            self._text(paper, "url", "paper"),
            tuple(repository for repository in found if repository is not None),
        )

    def _repository(self, item: Any, where: str) -> Repository | None:
        """None if it was not cloned."""
        repository = self._object(item, where)
        if repository.get("cloned") is not True:
            return None
        url = self._text(repository, "url", where)
        name = self._text(repository, "name", where) or url.rstrip("/").rpartition("/")[2]
        files = self._list(repository.get("code_files"), f"{where}.code_files")
        return Repository(
            name,
            url,
            tuple(self._file(file, f"{where}.code_files[{n}]") for n, file in enumerate(files)),
        )

    def _file(self, item: Any, where: str) -> CodeFile:
        file = self._object(item, where)
        path = self._text(file, "path", where)
        content = self._text(file, "content", where)
        extension = self._text(file, "extension", where) or PurePosixPath(path).suffix
        language = self._text(file, "language", where)
        return CodeFile(path, extension, language, content, self._lines(file, where, content))

    def _lines(self, file: dict[str, Any], where: str, content: str) -> int:
        value = file.get("lines")
        if value is None:
            return len(content.splitlines())
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(f"{where}.lines", "a whole number", value)
        return value

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
