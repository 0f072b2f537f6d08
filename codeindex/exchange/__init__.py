"""Vectors out of an index and into one, as files that other programs read and write.

`codeindex.exchange.exporting.Export` and `codeindex.exchange.importing.Import` are the whole of it.
"""
