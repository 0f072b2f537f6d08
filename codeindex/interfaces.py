"""What an extractor, an encoder, an index backend and a reranker promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from codeindex.filters import Filter, Payload
    from codeindex.snippet import Snippet, SourceFile
    from codeindex.vectors import Embeddings


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What an encoder is.

    Attributes:
        name: for people.
        fingerprint: digest of all that decides its vectors: weights, tokenizer, pooling,
            prompts, maximum length, precision. Not of what does not: threads, batch size.
        dim: dimensions of its vectors.
        max_tokens: longer texts are cut to this many tokens.
        dense_share: how much its vectors count in a hybrid search, 0…1, where words count the
            rest; None where nobody has measured it. Better encoders deserve more.
    """

    name: str
    fingerprint: str
    dim: int
    max_tokens: int
    dense_share: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a backend: the id of a vector and its score. Higher is better, always."""

    id: int
    score: float


@runtime_checkable
class Extractor(Protocol):
    """Turns a source into snippets. Instances are used from one thread of one process."""

    def extract(self, source: SourceFile) -> Iterator[Snippet | SourceFile]:
        """Snippets of `source`, in the order of their first lines.

        A source found inside it (a paper's repository file, a notebook's cell) may be
        yielded as a `SourceFile`: the host gives it to the extractor for its language.

        Raises:
            ExtractionError: the source cannot be read; the message says why, for people.
        """
        ...


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into unit vectors, queries and corpus in one space."""

    @property
    def info(self) -> EncoderInfo:
        """What it is."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim), in the order of `texts`; unit rows (zero if no token)."""
        ...

    def encode_corpus(self, texts: Sequence[str]) -> Embeddings:
        """The same for texts that are searched."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Scores the best of a search once more, each text read together with the query."""

    def rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """How well each text answers `query`: one finite number each, in the order of `texts`.

        Higher is better. A text's score depends on the query and on nothing else: not on the
        other texts, nor on their order. No texts give no scores.
        """
        ...


@runtime_checkable
class IndexBackend(Protocol):
    """Keeps vectors by id and finds the nearest ones.

    What `add` and `remove` did is visible to `search` at once, and durable after `commit`.
    """

    def add(self, ids: Sequence[int], vectors: Embeddings, payloads: Sequence[Payload]) -> None:
        """Stores vectors (n, dim); an id that is there already is replaced.

        Raises:
            ValueError: wrong dim, a value that is not finite, an id that is negative or twice.
        """
        ...

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets these ids; one that is not there is no error."""
        ...

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits that satisfy `where`, best first, ties by id."""
        ...

    def ids(self) -> list[int]:
        """All ids, ascending."""
        ...

    def commit(self) -> Mapping[str, str]:
        """Makes all changes durable. Returns the files it now consists of, relative to its
        folder, with their SHA-256; the host checks them before the next open and deletes
        others. Empty for a backend that keeps nothing in its folder."""
        ...

    def close(self) -> None:
        """Frees what is held, without committing. May be called twice."""
        ...

    def __len__(self) -> int: ...


@runtime_checkable
class Optimizes(Protocol):
    """What a backend has besides whose searches are the faster for work that takes minutes."""

    def needs_optimizing(self) -> bool:
        """Whether so much has changed that `optimize` is worth its time. Costs nothing."""
        ...

    def optimize(self) -> None:
        """Does that work. Visible to `search` at once, durable after `commit`.

        Stopped at any time, it has done nothing.
        """
        ...


@runtime_checkable
class Describes(Protocol):
    """What a backend has besides that can say how it keeps its vectors."""

    def facts(self) -> Mapping[str, Any]:
        """JSON values for ``codeindex status``: type, counts, where it is. Costs little."""
        ...


@runtime_checkable
class SelfContained(Protocol):
    """What a backend has besides that a machine can search with nothing but its options.

    Declared by `BackendSpec.attach`; `add` then gets payloads with their snippets.
    """

    def describe(self, manifest: Mapping[str, Any]) -> None:
        """Takes what the index is, JSON values with ``id``, ``encoder`` and ``texts`` among
        them, to be kept beside the vectors by the next `commit`. Called after each opening.

        Raises:
            UsageError: what the options name belongs to another index.
        """
        ...


class Attached(Protocol):
    """A store that another machine has filled, open for reading."""

    def manifest(self) -> Mapping[str, Any]:
        """What `SelfContained.describe` was given, of the last commit."""
        ...

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """As `IndexBackend.search`."""
        ...

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """Snippets by id; an id that is not there is left out."""
        ...

    def close(self) -> None:
        """Frees what is held. May be called twice."""
        ...

    def __len__(self) -> int: ...
