"""Vectors of papers' code as files: ``code_embeddings.npy`` and ``metadata.json``.

`codeindex.embedding.run.Embedding` is the whole of it; an index can be made of the same vectors.
"""
