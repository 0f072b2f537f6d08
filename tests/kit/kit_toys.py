"""A plugin without a fault, whose parts the tests of the kit make faulty one at a time."""

from __future__ import annotations

import hashlib
import json
import os

from toys import BruteForceBackend, ParagraphExtractor, WordEncoder

from codeindex.hookimpl import hookimpl
from codeindex.specs import BackendSpec, EncoderSpec, ExtractorSpec
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


class Parts:
    """A plugin of one backend, one encoder and one extractor."""

    def __init__(self, backend=GoodBackend, encoder=GoodEncoder, extractor=ParagraphExtractor):
        self.backend, self.encoder, self.extractor = backend, encoder, extractor

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
