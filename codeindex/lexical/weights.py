"""FieldWeights: what BM25F takes the words of code, docstring, path and name for."""

from __future__ import annotations

import math
from dataclasses import dataclass

FIELDS = ("code", "docstring", "path", "name")
"""The fields of a document, in the order of every array that has a place for each."""


@dataclass(frozen=True, slots=True)
class FieldWeights:
    """The parameters of BM25F (Robertson and Zaragoza, The Probabilistic Relevance Framework:
    BM25 and Beyond, 2009, section 3.6).

    A word that stands ``count`` times in a field counts there
    ``weight * count / (1 - b + b * length / average length)``; the sum over the fields is its
    frequency ``tf`` in the document, which gives ``idf * tf / (k1 + tf)``.

    Attributes:
        name, path, docstring, code: weight of each field.
        name_b, path_b, docstring_b, code_b: how much the length of the field matters, 0 to 1.
        k1: how soon more of the same word stops to matter.

    The values were fitted, one after the other, on summaries of docstrings as questions for
    their functions, in eight packages; on eight others they gain as much (MRR 0.50 against
    0.47 with 5, 2, 2, 1 and k1 1.2, and 0.45 with all fields alike). There the docstrings are
    taken out; their weight, and that of the path, are from questions about repositories
    (`benchmarks.questions`, the split ``fit``).
    """

    name: float = 12.0
    path: float = 2.0
    docstring: float = 4.0
    code: float = 1.0
    name_b: float = 0.75
    path_b: float = 0.5
    docstring_b: float = 0.5
    code_b: float = 0.75
    k1: float = 3.0

    def weights(self) -> tuple[float, float, float, float]:
        """Of each field, in the order of `FIELDS`."""
        return (self.code, self.docstring, self.path, self.name)

    def length_effects(self) -> tuple[float, float, float, float]:
        """``b`` of each field, in the order of `FIELDS`."""
        return (self.code_b, self.docstring_b, self.path_b, self.name_b)


def inverse_document_frequency(documents: int, holding: int) -> float:
    """Of a word that `holding` of `documents` hold; above 0 also where most hold it.

    The form without negative values that Lucene uses: ``ln(1 + (N - n + 0.5) / (n + 0.5))``.
    """
    return math.log1p((documents - holding + 0.5) / (holding + 0.5))
