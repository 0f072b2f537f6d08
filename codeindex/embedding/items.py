"""Items: what is embedded of an entry of the input, one vector each, and its metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from codeindex.embedding.fields import Fields
from codeindex.snippet import Snippet

LanguageOf = Callable[[str], str]
"""File name → the language of its code."""

FILE = "file"
"""Kind of a snippet that is a whole code file."""


@dataclass(frozen=True, slots=True)
class Item:
    """One vector's worth of the input.

    Attributes:
        snippet: the code; ``extra`` has its paper and repository.
        metadata: its entry of ``metadata.json``.
    """

    snippet: Snippet
    metadata: dict[str, Any]


def snippet_items(entry: Fields, language_of: LanguageOf) -> Iterator[Item]:
    """The one item of an entry of ``code_snippets.json``.

    Raises:
        UsageError: a field is not what it should be.
    """
    code = entry.text("code_text")
    lines = entry.object("line_numbers")
    count = code.count("\n") + 1
    start = lines.whole("start", 1)
    metadata: dict[str, Any] = {
        "paper_id": entry.text("paper_id"),
        "paper_title": entry.text("paper_title"),
        "paper_abstract": entry.text("paper_abstract"),
        "paper_url": entry.text("paper_url"),
        "repo_name": entry.text("repo_name"),
        "repo_url": entry.text("repo_url"),
        "file_path": entry.text("file_path"),
        "function_name": entry.text("function_name"),
        "line_numbers": {"start": start, "end": lines.whole("end", start + count - 1)},
        "has_docstring": entry.flag("has_docstring"),
        "num_lines": entry.whole("num_lines", count),
    }
    name = metadata["function_name"]
    snippet = Snippet(
        path=_path(metadata["repo_name"], metadata["file_path"]),
        language=language_of(PurePosixPath(metadata["file_path"]).name),
        kind="method" if "." in name else "function",
        name=name,
        start_line=metadata["line_numbers"]["start"],
        end_line=metadata["line_numbers"]["end"],
        code=code,
        extra={key: metadata[key] for key in _FACTS},
    )
    yield Item(snippet, metadata)


_FACTS = (
    *("paper_id", "paper_title", "paper_abstract", "paper_url"),
    *("repo_name", "repo_url", "file_path"),
)


def paper_items(entry: Fields, language_of: LanguageOf) -> Iterator[Item]:
    """The code files of an entry of ``paper_code_with_files.json``, empty ones too.

    ``pair_index`` counts the files of all entries, which only the caller sees: it is 0 here.

    Raises:
        UsageError: a field is not what it should be.
    """
    paper = entry.object("paper")
    facts = {
        "paper_id": paper.text("arxiv_id"),
        "paper_title": paper.text("title"),
        "paper_abstract": paper.text("abstract"),
        "paper_url": paper.text("url"),
    }
    for repository in entry.objects("repositories"):
        url = repository.text("url")
        name = repository.text("name") or url.rstrip("/").rpartition("/")[2]
        if repository.flag("cloned"):
            where = {**facts, "repo_name": name, "repo_url": url}
            for file in repository.objects("code_files"):
                yield _file_item(file, where, language_of)


def _file_item(file: Fields, facts: dict[str, str], language_of: LanguageOf) -> Item:
    code = file.text("content")
    path = file.text("path")
    place = PurePosixPath(path)
    metadata = {
        "arxiv_id": facts["paper_id"],
        "paper_title": facts["paper_title"],
        "repo_name": facts["repo_name"],
        "repo_url": facts["repo_url"],
        "code_file_path": path,
        "code_language": file.text("language"),
        "code_file_extension": file.text("extension") or place.suffix,
        "code_file_lines": file.whole("lines", len(code.splitlines())),
        "pair_index": 0,
    }
    snippet = Snippet(
        path=_path(facts["repo_name"], path),
        language=str(metadata["code_language"]).lower() or language_of(place.name),
        kind=FILE,
        name=place.name,
        start_line=1,
        end_line=max(1, len(code.splitlines())),
        code=code,
        extra={**facts, "file_path": path},
    )
    return Item(snippet, metadata)


def _path(repository: str, file: str) -> str:
    return "/".join(part for part in (repository, file) if part) or "unnamed"
