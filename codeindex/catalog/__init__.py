"""The catalog: one SQLite file per index that holds the truth; the vector index is derived."""

from codeindex.catalog.catalog import Catalog
from codeindex.catalog.rows import IncomingSnippet, SourceRow

__all__ = ["Catalog", "IncomingSnippet", "SourceRow"]
