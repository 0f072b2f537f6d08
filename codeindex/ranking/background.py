"""Background: how near to each other an encoder puts what has nothing to do with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codeindex.vectors import Embeddings

_LEAST = 16  # vectors that tell anything of others
_USUAL_WIDTH = 1.6
"""Deviation of cosines of text encoders in units of ``dim ** -0.5``, what it is for directions
drawn at random; between 1.3 and 1.9 for those measured."""


@dataclass(frozen=True, slots=True)
class Background:
    """Cosines of unrelated texts.

    Attributes:
        mean: of them.
        deviation: their standard deviation, above 0.
    """

    mean: float
    deviation: float


def usual(dim: int) -> Background:
    """What is supposed of an encoder with `dim` dimensions as long as nothing is known of it."""
    return Background(0.0, _USUAL_WIDTH / float(max(dim, 1)) ** 0.5)


def measured(vectors: Embeddings, dim: int) -> Background:
    """The background of an index, from (n, dim) vectors that are spread over it.

    Few vectors tell little: they count beside `usual` as much as there are of them.
    """
    count = len(vectors)
    supposed = usual(dim)
    if count < 2:
        return supposed
    above = (vectors @ vectors.T)[np.triu_indices(count, 1)]
    # Copies of one text are no strangers to each other.
    cosines = above[above < 0.99]
    if not len(cosines):
        return supposed
    trust = count / (count + _LEAST)
    mean = trust * float(cosines.mean()) + (1 - trust) * supposed.mean
    deviation = trust * float(cosines.std()) + (1 - trust) * supposed.deviation
    return Background(mean, max(deviation, supposed.deviation / 4))
