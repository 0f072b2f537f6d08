"""Snippets of few words, and catalogs to put them in."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from codeindex import Snippet
from codeindex.catalog.catalog import Catalog
from codeindex.catalog.file import IN_MEMORY
from codeindex.catalog.snippets import drop_snippets
from codeindex.new_index import row_of

WORDS = ["load", "date", "load_date", "http", "dates", "sendAll", "検索機能", "x1"]


def snippet(
    code: str = "", name: str = "f", path: str = "a.py", docstring: str = "", **changes: str
) -> Snippet:
    facts = {"language": "python", "kind": "function", **changes}
    return Snippet(path, facts["language"], facts["kind"], name, 1, 1, code, docstring, {})


def texts(most: int = 8) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), max_size=most).map(" ".join)


def snippets() -> st.SearchStrategy[Snippet]:
    return st.builds(
        snippet,
        texts(30),
        st.sampled_from(["load", "sendAll", "date.load"]),
        st.sampled_from(["a.py", "net/http.py", "net/dates/b.js"]),
        texts(4).map("§ {}".format),  # not what stands in the code
        language=st.sampled_from(["python", "javascript"]),
        kind=st.sampled_from(["function", "method"]),
    )


def new_catalog() -> Catalog:
    return Catalog(IN_MEMORY)


def add(catalog: Catalog, items: Sequence[Snippet]) -> list[int]:
    """Adds snippets in one transaction; their ids."""
    before = catalog.snippet_ids()
    first = max(before, default=0)
    rows = [row_of(item, first + n, "text", b"digest", "test") for n, item in enumerate(items)]
    with catalog.transaction():
        catalog.append(rows)
    return catalog.snippet_ids()[len(before) :]


def remove(catalog: Catalog, ids: Sequence[int]) -> None:
    """Removes snippets in one transaction."""
    with catalog.transaction():
        drop_snippets(catalog._connection, catalog._words, ids)


def held(catalog: Catalog) -> dict[int, Snippet]:
    """All snippets by id."""
    return dict(sorted(catalog.iterate()))


def segments(catalog: Catalog) -> list[tuple[int, int]]:
    """Documents and removed documents of each segment."""
    rows = catalog._connection.execute("SELECT segments FROM word_state").fetchone()
    return [(documents, removed) for _, documents, removed, _ in json.loads(rows[0])]
