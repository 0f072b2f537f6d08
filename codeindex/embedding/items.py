"""Items: what is embedded of an entry of the input, one vector each, and its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from codeindex.embedding.fields import Fields
from codeindex.papers_json import CodeFile, Paper, Repository
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


def snippet_item(entry: Fields, language_of: LanguageOf) -> Item:
    """The item of an entry of ``code_snippets.json``.

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
        extra={key: metadata[key] for key in _FACTS} | _documented(metadata),
    )
    return Item(snippet, metadata)


def _documented(metadata: dict[str, Any]) -> dict[str, Any]:
    """That there is a docstring, where there is one: what it says, nobody has said."""
    return {"has_docstring": True} if metadata["has_docstring"] else {}


_FACTS = (
    *("paper_id", "paper_title", "paper_abstract", "paper_url"),
    *("repo_name", "repo_url", "file_path"),
)


def file_entry_item(entry: Fields, language_of: LanguageOf) -> Item:
    """The item of a code file's entry of ``metadata.json``; its code is not known.

    Raises:
        UsageError: a field is not what it should be.
    """
    lines = entry.whole("code_file_lines", 1)
    paper = Paper(entry.text("arxiv_id"), entry.text("paper_title"), "", "", ())
    repository = Repository(entry.text("repo_name"), entry.text("repo_url"), ())
    file = CodeFile(
        entry.text("code_file_path"),
        entry.text("code_file_extension"),
        entry.text("code_language"),
        "",
        lines,
    )
    item = file_item(paper, repository, file, entry.whole("pair_index", 0), language_of)
    return replace(item, snippet=replace(item.snippet, end_line=max(1, lines)))


def file_item(
    paper: Paper, repository: Repository, file: CodeFile, index: int, language_of: LanguageOf
) -> Item:
    """The item of a code file.

    Args:
        index: how many code files came before it.
    """
    metadata = {
        "arxiv_id": paper.arxiv_id,
        "paper_title": paper.title,
        "repo_name": repository.name,
        "repo_url": repository.url,
        "code_file_path": file.path,
        "code_language": file.language,
        "code_file_extension": file.extension,
        "code_file_lines": file.lines,
        "pair_index": index,
    }
    name = PurePosixPath(file.path).name
    snippet = Snippet(
        path=_path(repository.name, file.path),
        language=file.language.lower() or language_of(name),
        kind=FILE,
        name=name,
        start_line=1,
        end_line=max(1, len(file.content.splitlines())),
        code=file.content,
        extra={
            "paper_id": paper.arxiv_id,
            "paper_title": paper.title,
            "paper_abstract": paper.abstract,
            "paper_url": paper.url,
            "repo_name": repository.name,
            "repo_url": repository.url,
            "file_path": file.path,
        },
    )
    return Item(snippet, metadata)


def _path(repository: str, file: str) -> str:
    return "/".join(part for part in (repository, file) if part) or "unnamed"
