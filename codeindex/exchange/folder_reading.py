"""``code_embeddings.npy`` and ``metadata.json``, whoever has made them, as a source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from codeindex.embedding.inputs import Input
from codeindex.embedding.items import LanguageOf
from codeindex.embedding.json_lists import opened, read_list
from codeindex.embedding.work import METADATA, VECTORS, EmbeddedWith, embedded_with
from codeindex.encoder_check import joint_fingerprint
from codeindex.errors import NotFoundError, UsageError
from codeindex.exchange.blocks import ROWS
from codeindex.exchange.entries import OWN, snippet_of_entry
from codeindex.exchange.folder_writing import MADE_WITH
from codeindex.exchange.made_with import MadeWith
from codeindex.exchange.source import RawVectors, SourceBlock
from codeindex.snippet import Snippet

_SAME = (
    *("paper_id", "arxiv_id", "repo_name", "repo_url", "file_path", "code_file_path"),
    *("function_name", "line_numbers"),
)
"""Fields by which an entry is known again in the file that it was embedded from."""


class FolderSource:
    """Vectors of an export, of ``codeindex embed``, or of the scripts before it.

    See `codeindex.exchange.source.Source`.
    """

    def __init__(self, path: Path, snippets: Path | None, language_of: LanguageOf) -> None:
        """Opens the folder.

        Args:
            snippets: the file that was embedded, for the code that the metadata leaves out.

        Raises:
            NotFoundError: a file is missing.
            UsageError: one is not what it should be.
        """
        self.path = path
        self._file, self._metadata = path / VECTORS, path / METADATA
        self._language_of = language_of
        self._input = Input(snippets, language_of) if snippets else None
        for file in (self._file, self._metadata):
            if not file.is_file():
                raise NotFoundError(
                    f"{path} holds no {file.name}; a folder of vectors has {VECTORS} and {METADATA}"
                )
        self._vectors = _mapped(self._file)
        self.rows, self.dim = self._vectors.shape
        embedded = embedded_with(path)
        self.made_with = _exported_with(path) if embedded is None else _as_made_with(embedded)
        if self._input is None:
            self.whole = any(
                isinstance(value, dict) and OWN in value for value, _ in islice(self._entries(), 1)
            )
        else:
            self.whole = embedded is not None and embedded.source == self._input.digest()

    def vector_place(self, row: int) -> str:
        """Where a vector stands, for messages."""
        return f"{self._file}: row {row}"

    def blocks(self) -> Iterator[SourceBlock]:
        """All rows, so many at a time."""
        snippets = self._snippets() if self._input is None else self._joined(self._input)
        for start in range(0, self.rows, ROWS):
            block = list(islice(snippets, min(ROWS, self.rows - start)))
            if start + len(block) < min(start + ROWS, self.rows):
                raise UsageError(
                    f"{self._metadata} has {start + len(block)} entries, {self._file} {self.rows}"
                    " rows; they are not of one making"
                )
            yield block, np.array(self._vectors[start : start + len(block)])
        if next(snippets, None) is not None:
            raise UsageError(
                f"{self._metadata} has more entries than {self._file} has rows ({self.rows}); they"
                " are not of one making"
            )

    def close(self) -> None:
        """Nothing is open between reads."""

    def _entries(self) -> Iterator[tuple[Any, str]]:
        """Each entry, and where it stands."""
        for position, value in enumerate(read_list(self._metadata, "snippets")):
            yield value, f"{self._metadata}: entry {position}"

    def _snippets(self) -> Iterator[Snippet]:
        for value, place in self._entries():
            yield snippet_of_entry(value, place, self._language_of)

    def _joined(self, source: Input) -> Iterator[Snippet]:
        """Snippets of the file that was embedded, those that the metadata names, in its order."""
        items = source.items()
        for value, place in self._entries():
            snippet_of_entry(value, place, self._language_of)  # refuses what is no entry
            wanted = {key: value[key] for key in _SAME if value.get(key)}
            found = next((item for item in items if _agrees(item.metadata, wanted)), None)
            if found is None:
                called = " ".join(part for part in wanted.values() if isinstance(part, str))
                raise UsageError(
                    f"{place} ({called}) is not in {source.path}, or not in the same order: the"
                    " vectors are not of this file"
                )
            yield found.snippet


def _agrees(metadata: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(metadata.get(key) == value for key, value in wanted.items())


def _mapped(path: Path) -> RawVectors:
    """The array of a ``.npy`` file (n, dim), not in memory; no pickle is ever loaded."""
    try:
        array = open_memmap(path, mode="r")
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UsageError(
            f"{path}: no .npy file of numbers: {str(error).splitlines()[0]}"
        ) from error
    if array.ndim != 2:
        raise UsageError(
            f"{path}: expected an array of 2 dimensions, (snippets, dim); found {array.shape}"
        )
    if array.dtype.kind != "f":
        raise UsageError(f"{path}: expected float16, float32 or float64, found {array.dtype}")
    return array


def _as_made_with(embedded: EmbeddedWith) -> MadeWith:
    fingerprint = joint_fingerprint(embedded.fingerprint, embedded.recipe)
    return MadeWith("", "", fingerprint, embedded.dim, embedded.recipe)


def _exported_with(folder: Path) -> MadeWith | None:
    """What the export has noted beside the vectors; None if they are of another making."""
    path = folder / MADE_WITH
    if not path.is_file():
        return None
    with opened(path) as file:
        try:
            value = json.loads(file.read())
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: no valid JSON: {error}") from error
    made_with = MadeWith.from_json(value, str(path))
    with opened(folder / VECTORS) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    facts = value.get("vectors")
    if not isinstance(facts, dict) or facts.get("sha256") != digest:
        raise UsageError(
            f"{path} is not of the {VECTORS} beside it, which has another digest: it was written"
            f" to since, or is damaged. If it is right, delete {MADE_WITH} and say --trust-encoder"
        )
    return made_with
