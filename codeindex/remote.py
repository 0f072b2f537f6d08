"""AttachedIndex: what another machine has indexed, searched with nothing but where it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from codeindex.backend_choice import STORE_FORMAT
from codeindex.encoder_check import check_encoder, wanted_encoder
from codeindex.encoding import make_encoder
from codeindex.errors import CodeIndexError, IndexVersionError, NotFoundError, UsageError
from codeindex.filters import Filter
from codeindex.host import Host
from codeindex.interfaces import Attached, Describes, Encoder, Hit, Reranker
from codeindex.offers import Offer, blamed
from codeindex.ranking.corpus import AttachedCorpus
from codeindex.ranking.mode import Mode, mode_named
from codeindex.ranking.options import PER_FILE, SearchOptions
from codeindex.recipes import TextRecipe, recipe_of
from codeindex.reranking import DEPTH, reranking_by
from codeindex.searching import SearchResult, checked_query, search
from codeindex.snippet import Snippet
from codeindex.specs import BackendSpec
from codeindex.vectors import Embeddings

if TYPE_CHECKING:
    from codeindex.similar.nearest import Similar

EVERYTHING = Filter()


class AttachedIndex:
    """A store that can be searched, and not written to.

    Made with `AttachedIndex.open`. Use it from one thread, and close it, or use ``with``.

    Attributes:
        host: the plugins it uses.
    """

    def __init__(
        self,
        host: Host,
        store: AttachedStore,
        backend: Mapping[str, Any],
        encoder: str | None,
        encoder_options: Mapping[str, Any],
    ) -> None:
        """Use `AttachedIndex.open`."""
        self.host = host
        self._store = store
        self._backend = backend
        self._manifest = _checked(store.manifest(), backend["name"])
        self._recipe: TextRecipe = recipe_of(self._manifest)
        self._wanted = encoder, encoder_options
        self._encoder: Encoder | None = None

    @classmethod
    def open(
        cls,
        backend: str,
        backend_options: Mapping[str, Any] | None = None,
        *,
        encoder: str | None = None,
        encoder_options: Mapping[str, Any] | None = None,
        host: Host | None = None,
    ) -> Self:
        """Opens what a backend keeps where its options say.

        Args:
            backend, backend_options: by name; one that keeps whole snippets.
            encoder, encoder_options: in place of the one that the store names, for example
                where its files are elsewhere on this machine. It must be the same one.
            host: plugins; all installed ones by default.

        Raises:
            UsageError: this backend keeps its vectors in an index folder only, or what is
                there was not made by codeindex.
            NotFoundError: nothing is there.
            IndexVersionError: a newer codeindex has written it.
            UnavailableError: it cannot be reached.
        """
        plugins = host or Host.load()
        offer = plugins.backends.get(backend)
        attach = offer.spec.attach
        if attach is None:
            able = [o.spec.name for o in plugins.backends.offers() if o.spec.attach is not None]
            raise UsageError(
                f"backend {backend!r} keeps its vectors in an index folder and cannot be searched"
                f" without one; backends that can: {', '.join(able) or 'none'}"
            )
        values = dict(backend_options or {})
        store = AttachedStore(plugins.make(offer, "backend", values, attach), offer)
        try:
            chosen = {"name": backend, "options": values}
            return cls(plugins, store, chosen, encoder, dict(encoder_options or {}))
        except BaseException:
            store.close()
            raise

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
        """The snippets that answer `query`, best first; see `codeindex.Index.search`.

        A store keeps no words: hybrid is dense here.

        Raises:
            UsageError: an empty or far too long query, or the mode ``lexical``.
            EncoderMismatch: the encoder is not the one that the store was filled with.
            NotFoundError: the store is empty.
        """
        where = Filter(_each(paths), _each(languages), _each(kinds))
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
        if options.mode is Mode.LEXICAL:
            raise UsageError(
                f"backend {self._backend['name']!r} keeps vectors and snippets, and no words: it"
                " cannot be searched by words alone; take --mode dense, or search an index folder"
            )
        dense = replace(options, mode=Mode.DENSE)
        found = search(texts, self.encoder, AttachedCorpus(self._store), top_k, where, dense)
        if not any(found) and not len(self._store):
            raise NotFoundError(
                f"the store of backend {self._backend['name']!r} is empty: an index was made there,"
                " and holds no snippet"
            )
        return found

    def similar(
        self,
        target: str,
        top_k: int = 10,
        *,
        paths: str | Sequence[str] = (),
        languages: str | Sequence[str] = (),
        kinds: str | Sequence[str] = (),
    ) -> Similar:
        """What is most like a place in a file of this machine; see `codeindex.Index.similar`.

        A store gives no vectors: the file is extracted, and embedded here.
        """
        from codeindex.similar.asking import similar_in_store

        where = Filter(_each(paths), _each(languages), _each(kinds))
        corpus = AttachedCorpus(self._store)
        return similar_in_store(self.host, self.encoder, self._recipe, corpus, target, top_k, where)

    def encoder(self) -> Encoder:
        """The encoder that the store was filled with, made here.

        Raises:
            EncoderMismatch: what is made here is another one.
            NotFoundError, OptionError, PluginError: it cannot be made here.
        """
        if self._encoder is None:
            built_with = self._manifest["encoder"]
            asked_for, given = self._wanted
            name = asked_for or built_with["name"]
            options = given if asked_for else {**(built_with.get("options") or {}), **given}
            if asked_for is None and not given:
                encoder = self._as_named(built_with)
            else:
                encoder = make_encoder(self.host, name, options)
            wanted = partial(wanted_encoder, self.host, name, options)
            check_encoder(encoder, built_with, wanted, self._recipe)
            self._encoder = encoder
        return self._encoder

    def _as_named(self, built_with: Mapping[str, Any]) -> Encoder:
        name, options = built_with["name"], built_with.get("options") or {}
        try:
            return make_encoder(self.host, name, options)
        except (CodeIndexError, OSError) as error:
            given = " ".join(f"-E {key}={value}" for key, value in options.items())
            raise type(error)(
                f"the store was filled with encoder {name!r} ({given or 'no options'}), which"
                f" cannot be made here: {error}. Say where it is with --encoder and -E"
            ) from error

    def status(self) -> dict[str, Any]:
        """What is in the store and what it was made with, as JSON values."""
        encoder = self._manifest["encoder"]
        shown = ("name", "title", "options", "fingerprint", "dim", "max_tokens")
        return {
            "backend": dict(self._backend),
            "backend_facts": self._store.facts(),
            "index_id": self._manifest.get("id"),
            "created_by": self._manifest.get("created_by"),
            "snippets": len(self._store),
            "encoder": {key: encoder.get(key) for key in shown},
            "texts": self._manifest.get("texts"),
        }

    def close(self) -> None:
        """Frees what is held. May be called twice."""
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


class AttachedStore:
    """A store whose answers have the promised form."""

    def __init__(self, inner: Attached, offer: Offer[BackendSpec]) -> None:
        """Takes the store and where it comes from."""
        self._inner = inner
        self._offer = offer

    def manifest(self) -> Mapping[str, Any]:
        """What the index says of itself."""
        with blamed(self._offer, "backend"):
            return dict(self._inner.manifest())

    def search(self, queries: Embeddings, k: int, where: Filter) -> list[list[Hit]]:
        """For each query (n, dim) at most `k` hits.

        Raises:
            PluginError: it failed, or gave another number of answers or too many hits.
        """
        with blamed(self._offer, "backend"):
            answers = self._inner.search(queries, k, where)
            if len(answers) != len(queries):
                raise ValueError(f"{len(answers)} answers to {len(queries)} queries")
            if any(len(hits) > k for hits in answers):
                raise ValueError(f"more than the {k} hits that were asked for")
            return answers

    def snippets(self, ids: Sequence[int]) -> Mapping[int, Snippet]:
        """Snippets by id; an id that is not there is left out."""
        with blamed(self._offer, "backend"):
            return dict(self._inner.snippets(ids))

    def facts(self) -> Mapping[str, Any]:
        """How it keeps its vectors, if it says so."""
        with blamed(self._offer, "backend"):
            return dict(self._inner.facts()) if isinstance(self._inner, Describes) else {}

    def close(self) -> None:
        """Frees what is held."""
        with blamed(self._offer, "backend"):
            self._inner.close()

    def __len__(self) -> int:
        with blamed(self._offer, "backend"):
            return len(self._inner)


def _checked(manifest: Mapping[str, Any], backend: str) -> Mapping[str, Any]:
    """The manifest of a store that this codeindex can search.

    Raises:
        IndexVersionError: a newer one has written it.
        NotFoundError: there is none.
        UsageError: it is not one of codeindex.
    """
    if not manifest:
        raise NotFoundError(
            f"backend {backend!r} holds no index there; fill it with:"
            f" codeindex index --backend {backend}, or codeindex copy INDEX --to {backend}"
        )
    version = manifest.get("format", 0)
    if isinstance(version, int) and version > STORE_FORMAT:
        raise IndexVersionError(
            f"the store has format {version}, this codeindex reads up to {STORE_FORMAT}:"
            f" it was written by a newer version ({manifest.get('created_by')}); upgrade codeindex"
        )
    encoder = manifest.get("encoder")
    if not isinstance(encoder, Mapping) or not {"name", "fingerprint", "dim"} <= set(encoder):
        raise UsageError(
            f"what backend {backend!r} keeps there does not say which encoder its vectors are of:"
            " codeindex has not made it"
        )
    return manifest


def _each(values: str | Sequence[str]) -> tuple[str, ...]:
    """One value, or each of several."""
    return (values,) if isinstance(values, str) else tuple(values)
