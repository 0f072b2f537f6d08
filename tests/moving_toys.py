"""Backends small enough to be right by inspection: one to optimise, one kept elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from toys import BruteForceBackend

from codeindex.errors import NotFoundError, UnavailableError, UsageError
from codeindex.filters import Payload
from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Hit
from codeindex.snippet import Snippet
from codeindex.specs import BackendSpec


@dataclass(frozen=True)
class TidyOptions:
    worth: int = field(default=1, metadata={"help": "Vectors that are worth optimising."})
    blind: int = field(default=0, metadata={"help": "Finds nothing for every n-th query."})


class TidyBackend(BruteForceBackend):
    """Counts how many of its vectors are tidied; `optimize` tidies all."""

    def __init__(self, folder, dim, files, options) -> None:
        super().__init__(folder, dim, files)
        self.options, self.tidied = options, 0

    def needs_optimizing(self):
        return len(self.rows) - self.tidied >= self.options.worth

    def optimize(self):
        self.tidied = len(self.rows)

    def facts(self):
        return {"type": "tidy", "tidied": self.tidied}

    def search(self, queries, k, where):
        answers = super().search(queries, k, where)
        if not self.options.blind or where:
            return answers
        return [
            [] if number % self.options.blind == 0 else hits for number, hits in enumerate(answers)
        ]


@dataclass(frozen=True)
class ShelfOptions:
    at: str = field(default="", metadata={"help": "Folder that stands for a server."})


class Shelf:
    """One JSON file in a folder that is not the index's: what a server would hold."""

    def __init__(self, options) -> None:
        if not options.at:
            raise UsageError("backend 'shelf' needs to be told where: at=FOLDER")
        if not Path(options.at).is_dir():
            raise UnavailableError(f"the shelf {options.at} cannot be reached")
        self.path = Path(options.at) / "shelf.json"
        data = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.described, self.rows = data.get("manifest", {}), {}
        for id, (vector, snippet) in data.get("rows", {}).items():
            self.rows[int(id)] = (np.array(vector, dtype=np.float32), Snippet(**snippet))

    def search(self, queries, k, where):
        answers = []
        for query in queries:
            hits = [
                Hit(id, float(vector @ query))
                for id, (vector, snippet) in self.rows.items()
                if where.matches(Payload(snippet.path, snippet.language, snippet.kind))
            ]
            answers.append(sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k])
        return answers

    def close(self):
        self.rows = {}

    def facts(self):
        return {"type": "shelf", "at": str(self.path.parent)}

    def __len__(self):
        return len(self.rows)


class ShelfBackend(Shelf):
    """The writer's side."""

    def describe(self, manifest):
        if self.described.get("id", manifest["id"]) != manifest["id"]:
            raise UsageError("the shelf belongs to another index")
        self.described = dict(manifest)

    def add(self, ids, vectors, payloads):
        for id, vector, payload in zip(ids, vectors, payloads, strict=True):
            self.rows[int(id)] = (vector.copy(), payload.snippet)

    def remove(self, ids):
        for id in ids:
            self.rows.pop(int(id), None)

    def ids(self):
        return sorted(self.rows)

    def commit(self):
        rows = {id: (vector.tolist(), asdict(s)) for id, (vector, s) in self.rows.items()}
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps({"manifest": self.described, "rows": rows}))
        draft.replace(self.path)
        return {}


class AttachedShelf(Shelf):
    """The reader's side."""

    def __init__(self, options) -> None:
        super().__init__(options)
        if not self.path.exists():
            raise NotFoundError(f"there is no shelf at {options.at}")

    def manifest(self):
        return self.described

    def snippets(self, ids):
        return {id: self.rows[id][1] for id in ids if id in self.rows}


@hookimpl
def codeindex_backends():
    return [
        BackendSpec(
            name="tidy",
            summary="brute force that can be tidied",
            options=TidyOptions,
            open=lambda options, folder, space, files: TidyBackend(
                folder, space.dim, files, options
            ),
        ),
        BackendSpec(
            name="shelf",
            summary="kept elsewhere",
            options=ShelfOptions,
            open=lambda options, folder, space, files: ShelfBackend(options),
            attach=AttachedShelf,
        ),
    ]
