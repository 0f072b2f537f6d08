"""Pairs of texts that belong together: what an encoder is trained on."""

from codeindex.pairs.pair import Pair

__all__ = ["Pair"]
