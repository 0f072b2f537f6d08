"""NotebookExtractor: each code cell as a source of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from codeindex.errors import ExtractionError
from codeindex.snippet import SourceFile

_HEADING_CHARS = 300


class NotebookExtractor:
    """Yields code cells as sources; codeindex gives them to the extractor of their language."""

    def __init__(self, min_lines: int) -> None:
        """Takes the length of the shortest cell that is taken."""
        self._min_lines = min_lines

    def extract(self, source: SourceFile) -> Iterator[SourceFile]:
        """A source per code cell, called ``notebook.ipynb#cell-N``; cells count from 1.

        Raises:
            ExtractionError: it is no notebook of format 4 (format 3 ended in 2015).
        """
        notebook = _read(source.text)
        language = _language(notebook)
        heading = ""
        for number, cell in enumerate(notebook["cells"], 1):
            kind, text = _cell(cell)
            if kind == "markdown":
                heading = text.strip()[:_HEADING_CHARS]
            if kind != "code" or not text.strip() or text.count("\n") + 1 < self._min_lines:
                continue
            yield SourceFile(
                path=f"{source.path}#cell-{number}",
                language=language,
                text=_without_magics(text) if language == "python" else text,
                extra={"cell": number, "heading": heading},
            )


def _read(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
    except ValueError as error:
        raise ExtractionError(f"no notebook: {error}") from None
    except RecursionError:
        raise ExtractionError("no notebook: it is nested too deeply") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ExtractionError("no notebook of format 4: it has no list of cells")
    return notebook


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    for key in ("kernelspec", "language_info"):
        facts = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(facts, dict):
            language = facts.get("language") or facts.get("name")
            if isinstance(language, str) and language:
                return "python" if language.startswith("python") else language.lower()
    return "python"


def _cell(cell: Any) -> tuple[str, str]:
    """Kind and text of a cell; a cell that is none has no kind."""
    if not isinstance(cell, dict):
        return "", ""
    parts = cell.get("source", "")
    text = "".join(map(str, parts)) if isinstance(parts, list) else str(parts)
    return str(cell.get("cell_type", "")), text


def _without_magics(text: str) -> str:
    """IPython's own lines as comments: their number stays, and Python can read the rest."""
    if text.startswith("%%"):
        first, _, rest = text.partition("\n")
        return f"# {first}\n{_without_magics(rest)}"
    return "\n".join(
        f"# {line}" if line.startswith(("%", "!", "?")) or line.endswith("?") else line
        for line in text.split("\n")
    )
