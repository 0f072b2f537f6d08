"""Plugins small enough to be right by inspection; the host is tested with them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codeindex.errors import DamagedIndexError, ExtractionError
from codeindex.hookimpl import hookimpl
from codeindex.interfaces import EncoderInfo, Hit
from codeindex.snippet import Snippet, SourceFile
from codeindex.specs import BackendSpec, EncoderSpec, ExtractorSpec


class ParagraphExtractor:
    """Every paragraph is a snippet; a line ``broken`` makes the file unreadable."""

    def extract(self, source):
        lines = source.text.split("\n")
        if "broken" in lines:
            raise ExtractionError("it says so itself")
        if "bug" in lines:
            raise RuntimeError("a bug in the plugin")
        start = None
        for number, line in enumerate([*lines, ""], 1):
            if line.startswith("inner "):
                yield SourceFile(f"{source.path}!", "paragraphs", line[6:], extra={"from": "inner"})
            elif line.strip() and start is None:
                start = number
            elif not line.strip() and start is not None:
                code = "\n".join(lines[start - 1 : number - 1])
                name = re.split(r"\W+", code.strip())[0]
                yield Snippet(
                    source.path, source.language, "paragraph", name, start, number - 1, code
                )
                start = None


class WordEncoder:
    """Hashes words into `dim` buckets; counts what it was asked to embed."""

    def __init__(self, dim: int, salt: str) -> None:
        self.info = EncoderInfo(f"words{dim}", f"words/{dim}/{salt}", dim, 10_000)
        self.embedded: list[str] = []

    def encode_queries(self, texts):
        vectors = np.zeros((len(texts), self.info.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                digest = hashlib.blake2b((self.info.fingerprint + word).encode(), digest_size=8)
                rng = np.random.default_rng(int.from_bytes(digest.digest(), "little"))
                vectors[row] += rng.normal(size=self.info.dim).astype(np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)

    def encode_corpus(self, texts):
        self.embedded.extend(texts)
        return self.encode_queries(texts)


class BruteForceBackend:
    """Keeps everything in one JSON file: the oracle for other backends."""

    def __init__(self, folder: Path, dim: int, files) -> None:
        self.folder, self.dim, self.rows, self.files = folder, dim, {}, dict(files)
        if files:
            try:
                data = json.loads((folder / next(iter(files))).read_text())
            except ValueError as error:
                raise DamagedIndexError(str(error)) from error
            self.rows = {
                int(id): (np.array(vector, dtype=np.float32), tuple(payload))
                for id, (vector, payload) in data.items()
            }

    def add(self, ids, vectors, payloads):
        for id, vector, payload in zip(ids, vectors, payloads, strict=True):
            self.rows[int(id)] = (vector.copy(), (payload.path, payload.language, payload.kind))

    def remove(self, ids):
        for id in ids:
            self.rows.pop(int(id), None)

    def search(self, queries, k, where):
        from codeindex.filters import Payload

        answers = []
        for query in queries:
            hits = [
                Hit(id, float(vector @ query))
                for id, (vector, payload) in self.rows.items()
                if where.matches(Payload(*payload))
            ]
            answers.append(sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k])
        return answers

    def ids(self):
        return sorted(self.rows)

    def commit(self):
        number = 1 + max((int(p.stem[3:]) for p in self.folder.glob("gen*.json")), default=0)
        path = self.folder / f"gen{number}.json"
        data = {id: (vector.tolist(), payload) for id, (vector, payload) in self.rows.items()}
        path.write_text(json.dumps(data))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}

    def close(self):
        self.rows = {}

    def __len__(self):
        return len(self.rows)


@dataclass(frozen=True)
class WordOptions:
    dim: int = field(default=64, metadata={"help": "Dimensions."})
    salt: str = field(default="", metadata={"help": "Makes another encoder."})


@dataclass(frozen=True)
class BruteOptions:
    fixed: int = field(default=1, metadata={"help": "Cannot change."})
    loose: int = field(default=1, metadata={"help": "May change."})


class ToyPlugin:
    """Registers the three; `encoders` remembers every encoder made."""

    def __init__(self) -> None:
        self.encoders: list[WordEncoder] = []

    @hookimpl
    def codeindex_extractors(self):
        return [
            ExtractorSpec(
                name="paragraphs",
                summary="paragraphs of text",
                make=lambda options: ParagraphExtractor(),
                suffixes={".txt": "paragraphs"},
            )
        ]

    @hookimpl
    def codeindex_encoders(self):
        def make(options):
            self.encoders.append(WordEncoder(options.dim, options.salt))
            return self.encoders[-1]

        return [
            EncoderSpec(name=name, summary="words", options=WordOptions, make=make)
            for name in ("fast", "words")
        ]

    @hookimpl
    def codeindex_backends(self):
        return [
            BackendSpec(
                name=name,
                summary="brute force",
                options=BruteOptions,
                open=lambda options, folder, space, files: BruteForceBackend(
                    folder, space.dim, files
                ),
                changeable=frozenset({"loose"}),
            )
            for name in ("faiss", "brute")
        ]

    @property
    def embedded(self) -> list[str]:
        return [text for encoder in self.encoders for text in encoder.embedded]
