"""The catalog: one SQLite file per index that holds the truth; the vector index is derived.

`codeindex.catalog.catalog.Catalog` is the whole of it. Nothing is imported here: worker
processes need its rows and words, and not numpy.
"""
