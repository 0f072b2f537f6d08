"""codeindex turns code into a searchable vector index in which every part is a plugin.

The Python API is the engine that the commands use::

    from codeindex import Index

    with Index.open("src", create=True) as index:
        print(index.update().snippets, "snippets")
        for result in index.search("parse a date string", top_k=3):
            print(result.score, result.snippet.path, result.snippet.name)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from codeindex.errors import CodeIndexError
    from codeindex.filters import Filter
    from codeindex.host import Host
    from codeindex.index import Index
    from codeindex.indexing import UpdateOptions
    from codeindex.many import search_indexes
    from codeindex.receipt import Receipt
    from codeindex.searching import SearchResult
    from codeindex.snippet import Snippet, SourceFile
    from codeindex.walk_options import WalkOptions

__all__ = [
    "CodeIndexError",
    "Filter",
    "Host",
    "Index",
    "Receipt",
    "SearchResult",
    "Snippet",
    "SourceFile",
    "UpdateOptions",
    "WalkOptions",
    "__version__",
    "search_indexes",
]

# Loaded when first used: `codeindex --help` must not pay for numpy.
_HOMES = {
    "CodeIndexError": "errors",
    "Filter": "filters",
    "Host": "host",
    "Index": "index",
    "Receipt": "receipt",
    "SearchResult": "searching",
    "Snippet": "snippet",
    "SourceFile": "snippet",
    "UpdateOptions": "indexing",
    "WalkOptions": "walk_options",
    "search_indexes": "many",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"codeindex.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
