"""Source trees → pairs of docstring and function, each function counted: taken, or why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeindex.candidates import Candidate, Skipped
from codeindex.catalog.rows import snippet_of
from codeindex.claims import Claims
from codeindex.extraction import Extracted
from codeindex.host import Host
from codeindex.indexing import available_cores
from codeindex.pairs.filters import LeftOut, Mined, MiningOptions, is_generated, mined
from codeindex.pairs.near_duplicates import NearDuplicates
from codeindex.pairs.pair import Pair
from codeindex.snippet import Snippet
from codeindex.walk import walk
from codeindex.walk_options import WalkOptions
from codeindex.workers import extract_in_process, extract_in_workers

_KINDS = frozenset({"function", "method"})
_HEAD_BYTES = 1000
_FEW_FILES = 24  # read here: starting processes takes longer


@dataclass
class MiningCounts:
    """What became of everything.

    Attributes:
        files: read into functions. skipped: those that could not be, with the reason.
        functions: functions and methods in them.
        left_out: reason → how many of them.
        pairs: taken.
    """

    files: int = 0
    skipped: list[str] = field(default_factory=list)
    functions: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    pairs: int = 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "files": self.files,
            "skipped": self.skipped,
            "functions": self.functions,
            "left_out": {reason.value: self.left_out[reason] for reason in LeftOut},
            "pairs": self.pairs,
        }


@dataclass(frozen=True)
class Miner:
    """How trees are read and what is taken of them.

    Attributes:
        host: its extractors find the functions.
        extractors: option values by extractor.
        jobs: processes that read files; 0 for one for each core.
    """

    host: Host
    options: MiningOptions = field(default_factory=MiningOptions)
    walk_options: WalkOptions = field(default_factory=WalkOptions)
    extractors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    jobs: int = 0

    def pairs(
        self,
        paths: Sequence[Path],
        counts: MiningCounts,
        *,
        repo_name: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[Pair]:
        """Pairs of all functions, in the order of `paths` and the walk.

        Args:
            paths: trees or files, each a repository of its own.
            counts: filled while the pairs are taken.
            repo_name: of all of them; if empty, each is called after its folder.
            progress: told of (files done, files).

        Raises:
            NotFoundError: one of the paths does not exist; before anything is yielded.
        """
        trees = [(repo_name or name_of(path), self._files(path, counts)) for path in paths]
        total = sum(len(files) for _, files in trees)
        news = _News(self.options)
        done = 0
        for name, files in trees:
            with closing(self._extracted(files)) as results:
                for result in results:
                    yield from self._of_file(result, name, news, counts)
                    done += 1
                    if progress is not None:
                        progress(done, total)

    def _files(self, path: Path, counts: MiningCounts) -> list[Candidate]:
        root = path.absolute() if path.is_dir() else path.absolute().parent
        claims = Claims.of([offer.spec for offer in self.host.extractors.offers()])
        files: list[Candidate] = []
        for item in walk([path.absolute()], root, claims, self.walk_options):
            if isinstance(item, Candidate):
                files.append(item)
            elif isinstance(item, Skipped) and item.is_error:
                counts.skipped.append(f"{item.path}: {item.reason.value} {item.detail}".rstrip())
        return files

    def _extracted(self, files: Sequence[Candidate]) -> Generator[Extracted]:
        jobs = self.jobs or available_cores()
        tasks = [(candidate, b"") for candidate in files]
        if jobs == 1 or len(files) <= _FEW_FILES or self.host.registered_by_hand:
            return extract_in_process(self.host, self.extractors, tasks)
        return extract_in_workers(self.host, self.extractors, tasks, jobs)

    def _of_file(
        self, result: Extracted, repo_name: str, news: _News, counts: MiningCounts
    ) -> Iterator[Pair]:
        if result.skipped is not None:
            counts.skipped.append(f"{result.candidate.path}: {result.skipped}")
            return
        counts.files += 1
        snippets = [snippet_of(incoming.values) for incoming in result.snippets]
        functions = [snippet for snippet in snippets if snippet.kind in _KINDS]
        counts.functions += len(functions)
        if functions and is_generated(_head(result.candidate.location)):
            counts.left_out[LeftOut.GENERATED] += len(functions)
            return
        for snippet in functions:
            found = mined(snippet, self.options)
            if isinstance(found, Mined):
                found = news.checked(found)
            if isinstance(found, LeftOut):
                counts.left_out[found] += 1
            else:
                counts.pairs += 1
                yield Pair(found.anchor, found.positive, (), _metadata(snippet, repo_name))


class _News:
    """What was not met before in this run."""

    def __init__(self, options: MiningOptions) -> None:
        self._texts: Counter[str] = Counter()
        self._codes = NearDuplicates(options.similarity)
        self._same_text = options.same_text

    def checked(self, found: Mined) -> Mined | LeftOut:
        text = found.anchor.lower().rstrip(".")
        if self._texts[text] >= self._same_text:
            return LeftOut.SAME_TEXT
        if not self._codes.is_new(found.code):
            return LeftOut.DUPLICATE
        self._texts[text] += 1
        return found


def name_of(path: Path) -> str:
    """What the repository at a path is called: the folder's name; of a file, its folder's."""
    absolute = path.resolve()
    return absolute.name if path.is_dir() else absolute.parent.name


def _head(location: Path) -> str:
    try:
        with location.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""  # it was read a moment ago; without its head it counts as written by hand


def _metadata(snippet: Snippet, repo_name: str) -> dict[str, Any]:
    return {
        "repo_name": repo_name,
        "code_file_path": snippet.path,
        "function_name": snippet.name,
        "code_language": snippet.language,
        "line_numbers": {"start": snippet.start_line, "end": snippet.end_line},
    }
