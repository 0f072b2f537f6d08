"""Entries of ``metadata.json`` and rows of a table → snippets."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from codeindex.embedding.fields import Fields
from codeindex.embedding.items import FILE, LanguageOf, file_entry_item, snippet_item
from codeindex.errors import UsageError
from codeindex.snippet import Snippet

OWN = "codeindex"
"""The field of an entry that has what the workflow's fields have not."""


def snippet_of_entry(value: Any, place: str, language_of: LanguageOf) -> Snippet:
    """The snippet of an entry of ``metadata.json``, of any making; code that it has not is empty.

    Args:
        value: the entry.
        place: file and position, for messages.

    Raises:
        UsageError: it is not what it should be; the message names the place and the field.
    """
    entry = Fields(value, place)
    if OWN in entry:
        return _own(entry, place)
    if "code_file_path" in entry:
        return file_entry_item(entry, language_of).snippet
    if "file_path" in entry:
        return snippet_item(entry, language_of).snippet
    raise UsageError(
        f"{place}: neither of a snippet (field 'file_path') nor of a code file (field"
        " 'code_file_path')"
    )


def _own(entry: Fields, place: str) -> Snippet:
    own, lines = entry.object(OWN), entry.object("line_numbers")
    start = lines.whole("start", 1)
    return Snippet(
        path=own.text("path"),
        language=own.text("language"),
        kind=own.text("kind"),
        name=entry.text("function_name"),
        start_line=start,
        end_line=lines.whole("end", start),
        code=own.text("code"),
        docstring=own.text("docstring"),
        extra=_extra(own.text("extra"), f"{place}, field '{OWN}.extra'"),
    )


COLUMNS = (
    *("path", "language", "kind", "name", "start_line", "end_line"),
    *("code", "docstring", "extra"),
)
"""Columns of a table that make a snippet."""

FOREIGN_COLUMNS = (
    *("paper_id", "paper_title", "paper_abstract", "paper_url", "repo_name", "repo_url"),
    *("file_path", "function_name", "code_text", "line_numbers", "has_docstring", "num_lines"),
)
"""Those of the workflow, which a table of other making may have."""


def snippet_of_row(row: dict[str, Any], place: str, language_of: LanguageOf) -> Snippet:
    """The snippet of a table's row with some of `COLUMNS` and `FOREIGN_COLUMNS`.

    Args:
        row: column → value; a ``path`` or ``file_path`` is there.
        place: file and position, for messages.

    Raises:
        UsageError: a value is not what it should be; the message names the place and the field.
    """
    fields = Fields(row, place)
    if "path" not in fields:
        return snippet_item(Fields(_as_workflow(row), place), language_of).snippet
    path = fields.text("path")
    if not path:
        raise UsageError(f"{place}, field 'path': it is empty")
    name = fields.text("name") or fields.text("function_name")
    code = fields.text("code") or fields.text("code_text")
    start = fields.whole("start_line", 1)
    # What is empty was written so; only what is not there is guessed.
    guesses = {"language": language_of(PurePosixPath(path).name), "kind": _kind(name)}
    language, kind = (
        fields.text(key) if row.get(key) is not None else guess for key, guess in guesses.items()
    )
    return Snippet(
        path=path,
        language=language,
        kind=kind,
        name=name,
        start_line=start,
        end_line=fields.whole("end_line", start + code.count("\n")),
        code=code,
        docstring=fields.text("docstring"),
        extra=_extra(fields.text("extra"), f"{place}, field 'extra'"),
    )


def _kind(name: str) -> str:
    if not name:
        return FILE
    return "method" if "." in name else "function"


def _as_workflow(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the workflow's names in place of codeindex's, where only those are there."""
    named = {"function_name": row.get("name"), "code_text": row.get("code")}
    if "start_line" in row:
        lines = {"start": row["start_line"], "end": row.get("end_line")}
        named["line_numbers"] = {key: line for key, line in lines.items() if line is not None}
    return named | row


def _extra(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: no valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{place}: expected an object as JSON, found {text[:40]!r}")
    return value
