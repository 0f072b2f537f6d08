"""Asking an index, or an attached store, for what is similar to a place in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from codeindex.errors import DamagedIndexError, IndexStateError
from codeindex.filters import Filter
from codeindex.similar.nearest import Similar, nearest, subject_vector
from codeindex.similar.subject import Subjects

if TYPE_CHECKING:
    from codeindex.encoding import IndexEncoder
    from codeindex.host import Host
    from codeindex.interfaces import Encoder
    from codeindex.ranking.corpus import Corpus
    from codeindex.recipes import TextRecipe
    from codeindex.store import Store


def similar_in_index(
    store: Store,
    encoder: IndexEncoder,
    corpus: Corpus,
    target: str,
    top_k: int,
    where: Filter,
) -> Similar:
    """See `codeindex.Index.similar`."""
    built_with = store.catalog.manifest().get("encoder")
    if not built_with:
        raise IndexStateError(
            f"the index at {store.folder} holds no vectors yet; make them with: codeindex index"
        )
    subject = Subjects(store.host, store.root, store.catalog).find(target)
    row, dim = int(built_with["row"]), int(built_with["dim"])
    vector = subject_vector(
        subject, lambda ids: store.catalog.vectors(row, dim, ids), encoder.get, encoder.recipe
    )
    try:
        return nearest(subject, vector, corpus, top_k, where)
    except DamagedIndexError:
        # A writer may just have put another state in place of the one that was asked.
        return nearest(subject, vector, corpus, top_k, where)


def similar_in_store(
    host: Host,
    encoder: Callable[[], Encoder],
    recipe: TextRecipe,
    corpus: Corpus,
    target: str,
    top_k: int,
    where: Filter,
) -> Similar:
    """The same for a store that is attached: it gives no vectors, so the file is to be at hand."""
    subject = Subjects(host, Path.cwd(), None).find(target)
    vector = subject_vector(subject, None, encoder, recipe)
    return nearest(subject, vector, corpus, top_k, where)
