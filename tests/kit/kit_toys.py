"""A plugin without a fault, whose parts the tests of the kit make faulty one at a time."""

from __future__ import annotations

import hashlib
import json
import os
import re

from toys import BruteForceBackend, ParagraphExtractor, WordEncoder

from codeindex.hookimpl import hookimpl
from codeindex.specs import BackendSpec, EncoderSpec, ExtractorSpec, RerankerSpec
from codeindex.vectors import checked_embeddings


class GoodBackend(BruteForceBackend):
    """Brute force that refuses what is no vector and writes a file whole or not at all."""

    def add(self, ids, vectors, payloads):
        rows = checked_embeddings(vectors, dim=self.dim, rows=len(ids))
        if len(payloads) != len(ids) or len(set(ids)) != len(ids):
            raise ValueError("ids, vectors and payloads do not go together")
        super().add(ids, rows, payloads)

    def search(self, queries, k, where):
        return super().search(checked_embeddings(queries, dim=self.dim), k, where)

    def commit(self):
        number = 1 + max((int(p.stem[3:]) for p in self.folder.glob("gen*.json")), default=0)
        data = {id: (vector.tolist(), payload) for id, (vector, payload) in self.rows.items()}
        text = json.dumps(data).encode()
        draft = self.folder / "draft"
        draft.write_bytes(text)
        os.replace(draft, self.folder / f"gen{number}.json")  # noqa: PTH105
        return {f"gen{number}.json": hashlib.sha256(text).hexdigest()}


class GoodEncoder(WordEncoder):
    """Words hashed into buckets; a text without words is told apart by its length."""


class GoodReranker:
    """How much of the query's words a text holds."""

    def rerank(self, query, texts):
        asked = set(re.findall(r"\w+", query.lower()))
        found = [asked & set(re.findall(r"\w+", text.lower())) for text in texts]
        return [len(words) / (len(asked) or 1) for words in found]


class Parts:
    """A plugin of one backend, one encoder, one extractor and one reranker."""

    def __init__(
        self,
        backend=GoodBackend,
        encoder=GoodEncoder,
        extractor=ParagraphExtractor,
        reranker=GoodReranker,
    ):
        self.backend, self.encoder = backend, encoder
        self.extractor, self.reranker = extractor, reranker

    @hookimpl
    def codeindex_backends(self):
        make = lambda options, folder, space, files: self.backend(folder, space.dim, files)  # noqa: E731
        return [BackendSpec(name="toy", summary="Brute force.", open=make)]

    @hookimpl
    def codeindex_encoders(self):
        make = lambda options: self.encoder(64, "salt")  # noqa: E731
        return [EncoderSpec(name="toy", summary="Hashed words.", make=make)]

    @hookimpl
    def codeindex_extractors(self):
        return [
            ExtractorSpec(
                name="toy",
                summary="Paragraphs.",
                make=lambda options: self.extractor(),
                suffixes={".txt": "text"},
                streams=getattr(self.extractor, "streams", False),
                example={"a.txt": "apple red\nsweet\n\nbanana yellow\n\npear green\nsoft\n"},
            )
        ]

    @hookimpl
    def codeindex_rerankers(self):
        return [
            RerankerSpec(name="toy", summary="Words.", make=lambda options: self.reranker()),
        ]


_GOOD = Parts()


@hookimpl
def codeindex_backends():
    return _GOOD.codeindex_backends()


@hookimpl
def codeindex_encoders():
    return _GOOD.codeindex_encoders()


@hookimpl
def codeindex_extractors():
    return _GOOD.codeindex_extractors()


@hookimpl
def codeindex_rerankers():
    return _GOOD.codeindex_rerankers()
