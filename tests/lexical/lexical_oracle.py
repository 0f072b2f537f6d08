"""BM25F in plain Python, document by document: what the word index is held to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from codeindex import Snippet
from codeindex.lexical.weights import FieldWeights
from codeindex.words import searchable_words


def document(snippet: Snippet) -> dict[str, list[str]]:
    """The words of each field; none of the snippets here has its docstring in its code."""
    return {
        "code": searchable_words(snippet.code),
        "docstring": searchable_words(snippet.docstring),
        "path": searchable_words(snippet.path),
        "name": searchable_words(snippet.name),
    }


def scores(
    snippets: Mapping[int, Snippet], query: Sequence[str], weights: FieldWeights
) -> dict[int, float]:
    """Id → score, of documents that hold a word."""
    documents = {id: document(snippet) for id, snippet in snippets.items()}
    found: dict[int, float] = {}
    for word in query:
        holding = {
            id
            for id, fields in documents.items()
            if any(word in words for words in fields.values())
        }
        idf = math.log(1 + (len(documents) - len(holding) + 0.5) / (len(holding) + 0.5))
        for id in holding:
            frequency = sum(
                _counted(field, documents, id, word, weights) for field in documents[id]
            )
            found[id] = found.get(id, 0.0) + idf * frequency / (weights.k1 + frequency)
    return found


def _counted(
    field: str,
    documents: Mapping[int, Mapping[str, Sequence[str]]],
    id: int,
    word: str,
    weights: FieldWeights,
) -> float:
    words = documents[id][field]
    average = sum(len(fields[field]) for fields in documents.values()) / len(documents)
    if not words:
        return 0.0
    b = getattr(weights, f"{field}_b")
    return getattr(weights, field) * words.count(word) / (1 - b + b * len(words) / average)
