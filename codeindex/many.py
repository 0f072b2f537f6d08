"""Several indexes asked as one: what each finds, merged; one that is broken hides no other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codeindex.errors import CodeIndexError, IndexStateError, NotFoundError, UsageError
from codeindex.filters import Filter
from codeindex.host import Host
from codeindex.index import Index
from codeindex.index_reader import each
from codeindex.interfaces import Reranker
from codeindex.location import FOLDER, is_index
from codeindex.ranking.mode import Mode, mode_named
from codeindex.ranking.options import PER_FILE, SearchOptions
from codeindex.reranking import DEPTH, reranking_by
from codeindex.searching import SearchResult, checked_query

EVERYTHING = Filter()

IndexPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """Why one of several indexes gave no answer.

    Attributes:
        index: as it was named.
        error: what is wrong with it.
    """

    index: str
    error: Exception

    def __str__(self) -> str:
        return f"{self.index}: {self.error}"


@dataclass(frozen=True, slots=True)
class FoundInSeveral:
    """What several indexes have found.

    Attributes:
        results: best first; each names its index.
        problems: of those that gave no answer.
    """

    results: tuple[SearchResult, ...]
    problems: tuple[IndexProblem, ...]


class SeveralIndexes:
    """Indexes that are searched together. Use it from one thread, and close it, or use ``with``.

    Results are merged by confidence, which means the same whatever the encoder and the mode;
    scores compare within one answer of one index only. Equal ones keep their rank.

    Attributes:
        indexes: those that could be opened, by the names given.
        problems: of the others, and of those that failed in the last search.
    """

    def __init__(self, indexes: Mapping[str, Index], problems: Sequence[IndexProblem] = ()) -> None:
        """Takes open indexes, which it closes, and why others could not be opened."""
        self.indexes = indexes
        self.problems = tuple(problems)
        self._unopened = tuple(problems)

    @classmethod
    def open(
        cls,
        places: Iterable[IndexPath],
        *,
        encoder: str | None = None,
        encoder_options: Mapping[str, Any] | None = None,
        host: Host | None = None,
    ) -> Self:
        """Opens indexes, each by its folder or by the folder that it is of; one named twice, once.

        Args:
            encoder, encoder_options: in place of those that the indexes name.
            host: plugins; all installed ones by default.

        Raises:
            CodeIndexError: none could be opened.
        """
        plugins = host or Host.load()
        opened: dict[str, Index] = {}
        problems: list[IndexProblem] = []
        folders: set[str] = set()
        for place in places:
            name = os.fspath(place)
            try:
                folder = _folder_of(Path(name))
                real = os.path.realpath(folder)
                if real in folders:
                    continue
                folders.add(real)
                opened[name] = Index.open(
                    index=folder, encoder=encoder, encoder_options=encoder_options, host=plugins
                )
            except (CodeIndexError, OSError) as error:
                problems.append(IndexProblem(name, error))
        if not opened:
            raise _none_left(problems)
        return cls(opened, problems)

    def search_many(
        self,
        queries: Sequence[str],
        top_k: int = 10,
        where: Filter = EVERYTHING,
        options: SearchOptions = SearchOptions(),  # noqa: B008
    ) -> list[list[SearchResult]]:
        """At most `top_k` results for each query, of all indexes; `problems` says what failed.

        Raises:
            UsageError: an unusable query, `top_k` < 1.
            CodeIndexError: no index gave an answer.
        """
        texts = [checked_query(query) for query in queries]
        if top_k < 1:
            raise UsageError(f"at least 1 result must be asked for (top-k), not {top_k}")
        answers: list[list[list[SearchResult]]] = []
        problems = list(self._unopened)
        if options.mode is not Mode.LEXICAL:
            self._share_encoders()
        for name, index in self.indexes.items():
            try:
                found = index.search_many(texts, top_k, where, options)
            except (CodeIndexError, OSError) as error:
                problems.append(IndexProblem(name, error))
                continue
            answers.append([[replace(hit, index=name) for hit in hits] for hits in found])
        self.problems = tuple(problems)
        if not answers:
            raise _none_left(problems)
        return [merged(lists, top_k) for lists in zip(*answers, strict=True)]

    def _share_encoders(self) -> None:
        """Lets indexes of the same encoder load it once."""
        indexes = list(self.indexes.values())
        for number, index in enumerate(indexes):
            for other in indexes[:number]:
                # One that is broken is told by the search that follows.
                with suppress(CodeIndexError, OSError):
                    if index.share_encoder(other):
                        break

    def close(self) -> None:
        """Closes all of them. May be called twice."""
        for index in self.indexes.values():
            index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def search_indexes(
    indexes: Iterable[IndexPath],
    query: str,
    top_k: int = 10,
    *,
    paths: str | Sequence[str] = (),
    languages: str | Sequence[str] = (),
    kinds: str | Sequence[str] = (),
    mode: str = Mode.HYBRID,
    per_file: int = PER_FILE,
    min_confidence: float = 0.0,
    reranker: Reranker | None = None,
    rerank_depth: int = DEPTH,
    host: Host | None = None,
) -> FoundInSeveral:
    """The snippets of several indexes that answer `query`, best first.

    Args:
        indexes: folders of indexes, or the folders that they are of.
        query, top_k, paths, languages, kinds, mode, per_file, min_confidence: see
            `codeindex.Index.search`.
        reranker, rerank_depth: the same; it scores the best of each index.
        host: plugins; all installed ones by default.

    Raises:
        UsageError: an empty or far too long query, an unknown mode.
        CodeIndexError: no index gave an answer.
    """
    where = Filter(each(paths), each(languages), each(kinds))
    again = reranking_by(reranker, rerank_depth)
    options = SearchOptions(mode_named(mode), per_file, min_confidence, again)
    with SeveralIndexes.open(indexes, host=host) as several:
        (results,) = several.search_many([query], top_k, where, options)
        return FoundInSeveral(tuple(results), several.problems)


def merged(answers: Sequence[Sequence[SearchResult]], top_k: int) -> list[SearchResult]:
    """The `top_k` surest results of several answers to one query, numbered anew.

    Each answer keeps its order: what its ranking puts first counts as at least as sure as all
    that follows. Of equally sure ones the higher in rank comes first.
    """
    bounded: list[tuple[float, SearchResult]] = []
    for answer in answers:
        bound = 0.0
        for result in reversed(answer):
            bound = max(bound, round(result.confidence, 9))
            bounded.append((bound, result))
    bounded.sort(key=lambda item: (-item[0], item[1].rank))
    return [replace(result, rank=rank) for rank, (_, result) in enumerate(bounded[:top_k], 1)]


def _folder_of(place: Path) -> Path:
    for folder in (place / FOLDER, place):
        if is_index(folder):
            return folder
    raise NotFoundError(f"no index at {place}; make one with: codeindex index {place}")


def _none_left(problems: Sequence[IndexProblem]) -> CodeIndexError:
    if not problems:
        return UsageError("name at least one index to search")
    first = problems[0].error
    kind = type(first) if isinstance(first, CodeIndexError) else IndexStateError
    return kind("none of the indexes can be searched: " + "; ".join(map(str, problems)))
