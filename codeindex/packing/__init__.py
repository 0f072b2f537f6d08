"""Packs: one file with an index, its encoder and their licences, for a machine without a network.

`codeindex.packing.pack.pack` writes one, `codeindex.packing.unpack.unpack` makes an index folder
of it, `codeindex.packing.check.verify_pack` says whether it is whole.
"""
