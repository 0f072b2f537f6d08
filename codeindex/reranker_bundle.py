"""Reranker bundle: a folder with everything a cross-encoder is, and the digests to prove it.

::

    reranker.json     what it is, and the digests of the files
    model.onnx        input_ids, attention_mask and, where the model has it, token_type_ids
                      (batch, sequence) int64 → logits (batch, 1) float32, higher is better;
                      what stands in the padding does not count
    tokenizer.json    of the `tokenizers` library; puts query and text together as a pair
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeindex.bundle import (
    MODEL,
    TOKENIZER,
    Data,
    FileCheck,
    confirm,
    mapped,
    read_facts,
    write_facts,
)
from codeindex.errors import NotFoundError, UsageError

MANIFEST = "reranker.json"
KIND = "cross-encoder"
FORMAT = 1

_REQUIRED = ("kind", "name", "version", "max_tokens", "licence", "digests")


@dataclass(frozen=True, slots=True)
class RerankerBundle:
    """A reranker bundle, read. Its files count as checked after `confirm` only.

    Attributes:
        max_tokens: of query and text together, special ones included.
    """

    name: str
    version: str
    max_tokens: int
    model: Data
    tokenizer: Data
    checks: Sequence[FileCheck]

    def confirm(self) -> None:
        """Waits until both files have been checked against their digests.

        Raises:
            UsageError: one is not the file that the manifest names.
        """
        confirm(self.checks, MANIFEST)


def read_reranker(folder: Path) -> RerankerBundle:
    """Reads a bundle; the check of its files against their digests is begun.

    Raises:
        NotFoundError: the folder or a file is missing.
        UsageError: the manifest is not right, or of another kind of reranker.
    """
    if not folder.is_dir():
        raise NotFoundError(f"no reranker bundle at {folder}: no such folder")
    path = folder / MANIFEST
    manifest = read_facts(path, "reranker", FORMAT, _REQUIRED, ("max_tokens",))
    if manifest["kind"] != KIND:
        raise UsageError(f"{path} is of kind {manifest['kind']!r}; this reads {KIND!r}")
    digests = manifest["digests"]
    for name in (MODEL, TOKENIZER):
        if name not in digests:
            raise UsageError(f"{path} has no digest of {name}")
    checks: list[FileCheck] = []
    model, tokenizer = (mapped(folder / n, digests[n], checks) for n in (MODEL, TOKENIZER))
    name, version = str(manifest["name"]), str(manifest["version"])
    return RerankerBundle(name, version, manifest["max_tokens"], model, tokenizer, checks)


def write_reranker(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes ``reranker.json``: `facts`, format, kind, and the digests of the files.

    Args:
        facts: name, version, max_tokens, precision, base_model, licence, made_by.
    """
    write_facts(folder, MANIFEST, {"format": FORMAT, "kind": KIND, **facts})
