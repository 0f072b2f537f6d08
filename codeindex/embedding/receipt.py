"""EmbeddingReceipt: what an embedding run did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EmbeddingReceipt:
    """Counts of one run of `Embedding`.

    Attributes:
        input: the file that was read.
        format: what it is, see `codeindex.embedding.inputs.Format`.
        count: vectors, and entries of the metadata.
        dim: of the vectors.
        resumed: of them, those that an earlier run had computed.
        encoded: of them, those that this run computed.
        empty: code files without code, left out; of snippets, those without code, kept.
        encoder: its name for people.
        fingerprint: of the encoder.
        texts: the recipe of the texts.
        embeddings, metadata: the files.
        json, index: the same, where they were asked for.
        seconds: wall time.
    """

    input: str
    format: str
    count: int
    dim: int
    resumed: int
    encoded: int
    encoder: str
    fingerprint: str
    texts: str
    embeddings: str
    metadata: str
    json: str | None = None
    index: str | None = None
    empty: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)
