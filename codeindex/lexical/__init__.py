"""Lexical search: which snippets hold the words of a query, and how well (BM25F)."""
