"""IndexReader: what can be asked of an index."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from codeindex.encoding import IndexEncoder
from codeindex.errors import DamagedIndexError, IndexStateError, NotFoundError
from codeindex.filters import Filter
from codeindex.finishing import finishing_command, is_unfinished
from codeindex.host import Host
from codeindex.interfaces import Encoder, Reranker
from codeindex.location import FOLDER, is_index
from codeindex.ranking.corpus import IndexCorpus
from codeindex.ranking.mode import Mode, mode_named
from codeindex.ranking.options import PER_FILE, SearchOptions
from codeindex.reranking import DEPTH, reranking_by
from codeindex.searching import SearchResult, checked_query, search
from codeindex.snippet import Snippet
from codeindex.store import Store

if TYPE_CHECKING:
    from codeindex.similar.nearest import Similar

EVERYTHING = Filter()


class IndexReader:
    """The half of `Index` that reads; it needs no lock.

    Attributes:
        folder: where it is kept.
        root: what the paths of snippets are relative to.
        host: the plugins it uses.
    """

    def __init__(self, store: Store, encoder: IndexEncoder) -> None:
        """Use `Index.open`."""
        self._store = store
        self._encoder = encoder
        self._corpus = IndexCorpus(store)
        self.folder = store.folder
        self.root = store.root
        self.host = store.host

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] = ".",
        *,
        index: str | os.PathLike[str] | None = None,
        create: bool = False,
        encoder: str | None = None,
        encoder_options: Mapping[str, Any] | None = None,
        backend: str | None = None,
        backend_options: Mapping[str, Any] | None = None,
        host: Host | None = None,
    ) -> Self:
        """Opens the index of a source tree.

        Args:
            path: root of the tree; the index is in ``.codeindex/`` there.
            index: folder of the index, where it is elsewhere.
            create: do not insist that there is one: `update` makes it.
            encoder, encoder_options: of a new index (default ``fast``); an old one refuses
                another encoder than its own, unless for `reencode`.
            backend, backend_options: likewise (default ``faiss``).
            host: plugins; all installed ones by default.

        Raises:
            NotFoundError: there is no index, and `create` is not set.
            IndexStateError: it is damaged, or of a newer version.
            UsageError: it was built with another backend.
        """
        root = Path(os.path.abspath(path))
        if root.is_file():
            root = root.parent
        folder = Path(os.path.abspath(index)) if index is not None else root / FOLDER
        if not create and not is_index(folder):
            raise NotFoundError(f"no index at {folder}; make one with: codeindex index PATH")
        plugins = host or Host.load()
        store = Store(folder, plugins, root, backend, dict(backend_options or {}))
        return cls(store, IndexEncoder(plugins, store, encoder, dict(encoder_options or {})))

    def search(
        self,
        query: str,
        top_k: int = 10,
        *,
        paths: str | Sequence[str] = (),
        languages: str | Sequence[str] = (),
        kinds: str | Sequence[str] = (),
        mode: str = Mode.HYBRID,
        per_file: int = PER_FILE,
        min_confidence: float = 0.0,
        reranker: Reranker | None = None,
        rerank_depth: int = DEPTH,
    ) -> list[SearchResult]:
        """The snippets that answer `query`, best first.

        Args:
            query: words or code.
            top_k: how many at most.
            paths: globs on the path, see `Filter`.
            languages, kinds: names, see `Filter`.
            mode: ``hybrid``, ``dense`` or ``lexical``: which halves of the search are asked.
                The signals of the ranking apply in each.
            per_file: most results of one file; 0 for no limit.
            min_confidence: results with less are left out, 0…1.
            reranker: scores the best `rerank_depth` once more, see `codeindex.reranking`;
                one of a plugin is made by `make_reranker` there, once for many searches.

        Raises:
            UsageError: an empty or far too long query, an unknown mode.
            EncoderMismatch: the encoder is not the one that the index was built with.
            IndexStateError: the first run was stopped before it stored anything.
        """
        where = Filter(each(paths), each(languages), each(kinds))
        again = reranking_by(reranker, rerank_depth)
        options = SearchOptions(mode_named(mode), per_file, min_confidence, again)
        return self.search_many([query], top_k, where, options)[0]

    def search_many(
        self,
        queries: Sequence[str],
        top_k: int = 10,
        where: Filter = EVERYTHING,
        options: SearchOptions = SearchOptions(),  # noqa: B008
    ) -> list[list[SearchResult]]:
        """`search` for several queries at once: one list of results for each."""
        texts = [checked_query(query) for query in queries]
        manifest = self._store.catalog.manifest()
        if not manifest.get("updated_at") and not self._store.catalog.count("snippets"):
            raise IndexStateError(
                f"the index at {self.folder} holds nothing yet: the run that made it was stopped,"
                f" or is at work; finish it with: {finishing_command(manifest, self.folder)}"
            )
        if not manifest.get("encoder"):
            return [[] for _ in texts]  # nothing was ever embedded
        try:
            return search(texts, self._encoder.get, self._corpus, top_k, where, options)
        except DamagedIndexError:
            # A writer may just have put another state in place of the one that was asked.
            return search(texts, self._encoder.get, self._corpus, top_k, where, options)

    def similar(
        self,
        target: str,
        top_k: int = 10,
        *,
        paths: str | Sequence[str] = (),
        languages: str | Sequence[str] = (),
        kinds: str | Sequence[str] = (),
    ) -> Similar:
        """The snippets that are most like what stands at a place in a file, best first.

        What the index has of the file is taken, with its vectors; a file that it lacks, or that
        has changed since, is extracted and embedded now. Itself, its parts and what it is a part
        of are left out.

        Args:
            target: ``FILE:LINE``, ``FILE:NAME`` or ``FILE``; the file is looked for from the
                current folder, from the root, and among the paths in the index.
            top_k, paths, languages, kinds: see `search`.

        Raises:
            NotFoundError: no such file, or no snippet at that place.
            UsageError: several snippets of the file have the name.
            ExtractionError: the file has changed, and cannot be read.
            IndexStateError: the index holds no vectors yet.
        """
        from codeindex.similar.asking import similar_in_index

        where = Filter(each(paths), each(languages), each(kinds))
        return similar_in_index(self._store, self._encoder, self._corpus, target, top_k, where)

    def snippets(self, where: Filter = EVERYTHING) -> Iterator[Snippet]:
        """All snippets that satisfy `where`, by path and line."""
        for _, snippet in self._store.catalog.iterate(where):
            yield snippet

    def encoder(self) -> Encoder:
        """The encoder of the index, for texts of your own: same space as its vectors."""
        return self._encoder.get()

    @property
    def encoder_fingerprint(self) -> str | None:
        """What decides the vectors of the index as it is now; None if it has none."""
        built_with = self._store.manifest().get("encoder")
        return built_with["fingerprint"] if built_with else None

    def share_encoder(self, other: IndexReader) -> bool:
        """Takes the encoder of `other`, if it is the same one, so that it is loaded once.

        Returns:
            Whether it is.
        """
        mine = self.encoder_fingerprint
        if mine is None or mine != other.encoder_fingerprint:
            return False
        self._encoder.bound(other.encoder())
        return True

    def status(self) -> dict[str, Any]:
        """What is in the index, how old it is and what it was made with, as JSON values.

        The backend is opened as it was committed, and nothing is written: ``drift`` says where
        it does not hold what the catalog does, or cannot be opened; else it is None.
        """
        from codeindex.status import describe_index

        return describe_index(self._store.catalog, self._store.derived, self.folder, self.root)

    def unfinished(self) -> bool:
        """Whether a run has not read all files: it is at work, or was stopped."""
        return is_unfinished(self._store.manifest())

    def close(self) -> None:
        """Frees files and memory. May be called twice."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def each(values: str | Sequence[str]) -> tuple[str, ...]:
    """One value, or each of several: a text is a sequence of letters, which nobody means."""
    return (values,) if isinstance(values, str) else tuple(values)
