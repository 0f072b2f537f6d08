"""Questions about repositories, answered by codeindex and by semble: lists of files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.frame.peer import Peer
from benchmarks.frame.process import run
from benchmarks.quality.judging import Answers, first_files, judged
from benchmarks.questions.loader import Question, Split, fetch, questions
from codeindex import Index
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions

DEPTH = 40
"""Hits that are asked for: enough for ten files of each."""

_THEIRS = """
import json, sys
from semble import SembleIndex
tree, model, depth = sys.argv[1:]
queries = json.load(sys.stdin)
index = SembleIndex.from_path(tree, model_path=model)
answers = {}
for name, options in {"BM25 + ranking": {"alpha": 0.0}, "hybrid": {}}.items():
    answers[name] = [
        [result.chunk.file_path for result in index.search(query, top_k=int(depth), **options)]
        for query in queries
    ]
print(json.dumps(answers))
"""


def asked(split: Split, limit: int = 0) -> dict[str, list[Question]]:
    """The questions of a split by package; at most `limit` of each, 0 for all."""
    found: dict[str, list[Question]] = {}
    for question in questions(split):
        its = found.setdefault(question.package, [])
        if not limit or len(its) < limit:
            its.append(question)
    return found


def measured(
    cache: Path, by_package: Mapping[str, Sequence[Question]], peer: Peer, encoders: Sequence[str]
) -> dict[str, Answers]:
    """System → its answers to all questions, judged file by file."""
    trees = fetch(cache)
    found: dict[str, list[list[str]]] = {}
    relevant: list[tuple[str, ...]] = []
    for package, its in by_package.items():
        texts = [question.query for question in its]
        relevant += [question.files for question in its]
        tree = trees[package]
        answers = {f"semble, {name}": ranked for name, ranked in _theirs(peer, tree, texts).items()}
        for encoder in encoders:
            for mode, ranked in _ours(tree, texts, encoder).items():
                answers[f"{encoder}, {mode}"] = ranked
        for name, ranked in answers.items():
            found.setdefault(name, []).extend(map(first_files, ranked))
    return {name: judged(relevant, ranked) for name, ranked in found.items()}


def _ours(tree: Path, texts: Sequence[str], encoder: str) -> dict[str, list[list[str]]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "index"
        with Index.open(tree, index=folder, create=True, encoder=encoder) as index:
            index.update()
            return {
                mode.value: [
                    [result.snippet.path for result in results]
                    for results in index.search_many(texts, DEPTH, options=SearchOptions(mode))
                ]
                for mode in Mode
            }


def _theirs(peer: Peer, tree: Path, texts: Sequence[str]) -> dict[str, list[list[str]]]:
    with tempfile.TemporaryDirectory() as home:
        argv = [str(peer.python), "-c", _THEIRS, str(tree), str(peer.model), str(DEPTH)]
        said = run(argv, peer.environment(Path(home)), stdin=json.dumps(list(texts)))
    answers: dict[str, list[list[str]]] = json.loads(said)
    return {
        name: [[_relative(path, tree) for path in paths] for paths in ranked]
        for name, ranked in answers.items()
    }


def _relative(path: str, tree: Path) -> str:
    given = Path(path)
    return (given.relative_to(tree) if given.is_absolute() else given).as_posix()
