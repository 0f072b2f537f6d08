"""``metadata.json`` and ``snippet_embeddings.json``: JSON lists, written item by item."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from codeindex.embedding.items import Item
from codeindex.embedding.vector_file import VectorFile
from codeindex.files import replacing

_ROWS = 256


def write_metadata(items: Iterable[Item], path: Path) -> int:
    """Writes the metadata of all items, durably; how many there are."""
    return write_list((item.metadata for item in items), path)


def write_embeddings(metadata: Path, vectors: VectorFile, target: Path) -> None:
    """Writes vectors and metadata as one list, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(target) as temporary:
        write_list(_embeddings(metadata, vectors), temporary)


def _embeddings(metadata: Path, vectors: VectorFile) -> Iterator[dict[str, Any]]:
    import ijson

    with metadata.open("rb") as file:
        for row, facts in enumerate(ijson.items(file, "item", use_float=True)):
            if row % _ROWS == 0:
                block = vectors.read(row, min(row + _ROWS, vectors.rows))
            yield {
                "embedding": block[row % _ROWS].tolist(),
                "embedding_dim": vectors.dim,
                "metadata": facts,
            }


def write_list(values: Iterable[dict[str, Any]], path: Path) -> int:
    """Writes a JSON list, an item a line, durably; how many there are."""
    count = 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.write("[")
        for value in values:
            file.write(",\n" if count else "\n")
            file.write(json.dumps(value, ensure_ascii=False))
            count += 1
        file.write("\n]\n")
        file.flush()
        os.fsync(file.fileno())
    return count
