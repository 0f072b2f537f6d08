"""Commits as questions: the subject asks for the functions that the commit changed."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codeindex.evaluation.git import Repository
from codeindex.evaluation.patches import Hunk, hunks_by_file, now_at
from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Level, Question, Questions
from codeindex.evaluation.subjects import Refused, query_of
from codeindex.pairs.filters import is_test
from codeindex.snippet import Snippet

if TYPE_CHECKING:
    from codeindex.indexing import Progress

SOURCE = "git"


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """Which commits ask.

    Attributes:
        commits: newest ones that are looked at.
        max_files, max_functions: a commit that changes more is no question.
        max_bytes: of a patch or a file that is read.
    """

    commits: int = 5000
    max_files: int = 20
    max_functions: int = 10
    max_bytes: int = 2_000_000


def history_questions(
    snippets: Iterable[Snippet],
    repository: Repository,
    number: int,
    seed: int,
    options: HistoryOptions = HistoryOptions(),
    progress: Progress | None = None,
) -> Questions:
    """Questions from `number` commits (0 for all), drawn at random by `seed`.

    A commit's lines are followed to the present commit: what answers it are the innermost
    functions, methods and classes, but for tests, that still hold a line as it left it.

    Args:
        snippets: all of the index; its root is the folder of the repository.
        progress: is told of (questions found or commits read, of how many).
    """
    left_out: Counter[Refused] = Counter()
    commits = _that_ask(repository.commits(options.commits), left_out)
    files = _Files(snippets, repository, options)
    asked: list[tuple[int, Question]] = []
    for read, row in enumerate(np.random.default_rng(seed).permutation(len(commits)), 1):
        commit, text = commits[row]
        found = files.changed_by(commit)
        if isinstance(found, Refused):
            left_out[found] += 1
        else:
            asked.append((row, Question(commit, text, dict.fromkeys(found, 1))))
        if progress is not None:
            progress(*(len(asked), number) if number else (read, len(commits)))
        if number and len(asked) == number:
            break
    questions = [question for _, question in sorted(asked, key=lambda pair: pair[0])]
    reasons = {reason.value: left_out[reason] for reason in Refused if left_out[reason]}
    return Questions(SOURCE, questions, len(commits), reasons)


def _that_ask(
    commits: Sequence[tuple[str, str, str]], left_out: Counter[Refused]
) -> list[tuple[str, str]]:
    """(commit, query) of those whose subject can be asked with, in their order."""
    queries: dict[str, tuple[str, str]] = {}
    for commit, author, subject in commits:
        query = query_of(author, subject)
        if isinstance(query, Refused):
            left_out[query] += 1
        elif query.lower() in queries:
            left_out[Refused.TWICE] += 1
        else:
            queries[query.lower()] = (commit, query)
    return list(queries.values())


class _Files:
    """What can be found in the files of the index, where they are as they are in HEAD."""

    def __init__(
        self, snippets: Iterable[Snippet], repository: Repository, options: HistoryOptions
    ) -> None:
        self._repository = repository
        self._options = options
        self._sums: dict[str, list[tuple[int, int, int]]] = {}
        self._as_in_head: dict[str, bool] = {}
        self._places = Places(self._noted(snippets), Level.SNIPPET)

    def _noted(self, snippets: Iterable[Snippet]) -> Iterable[Snippet]:
        for snippet in snippets:
            lines = (snippet.start_line, snippet.end_line, _sum(snippet.code))
            self._sums.setdefault(snippet.path, []).append(lines)
            if snippet.kind != "module" and not is_test(snippet.path, snippet.name):
                yield snippet

    def changed_by(self, commit: str) -> list[str] | Refused:
        """The targets that a commit changed, or why it is no question."""
        patch = self._repository.changes(commit, self._options.max_bytes)
        if patch is None:
            return Refused.LARGE
        changed = hunks_by_file(patch)
        if len(changed) > self._options.max_files:
            return Refused.LARGE
        known = {path: hunks for path, hunks in changed.items() if path in self._sums}
        current = {path: hunks for path, hunks in known.items() if self._is_as_in_head(path)}
        if not current:
            return Refused.OTHER_TEXT if known else Refused.NO_FUNCTION
        patch = self._repository.since(commit, list(current), 10 * self._options.max_bytes)
        if patch is None:
            return Refused.LARGE
        later = hunks_by_file(patch)
        found: dict[str, None] = {}
        for path, hunks in current.items():
            found.update(dict.fromkeys(self._targets(path, hunks, later.get(path, []))))
        if len(found) > self._options.max_functions:
            return Refused.LARGE
        return list(found) or Refused.NO_FUNCTION

    def _targets(self, path: str, hunks: Sequence[Hunk], later: Sequence[Hunk]) -> Iterable[str]:
        for hunk in hunks:
            # Where lines were only taken away, those around the gap tell what they were in.
            last = hunk.new + hunk.added - 1 if hunk.added else hunk.new + 1
            lines = [now_at(line, later) for line in range(hunk.new, last + 1)]
            each = [self._places.at(path, line, line) if line else [] for line in lines]
            if hunk.added:
                yield from (target for targets in each for target in targets)
            else:
                yield from (target for target in each[0] if target in each[-1])

    def _is_as_in_head(self, path: str) -> bool:
        if path not in self._as_in_head:
            text = self._repository.text(path, self._options.max_bytes)
            lines = (text or "").replace("\r\n", "\n").split("\n")
            self._as_in_head[path] = text is not None and all(
                _sum("\n".join(lines[first - 1 : last])) == its
                for first, last, its in self._sums[path]
            )
        return self._as_in_head[path]


def _sum(code: str) -> int:
    return zlib.crc32(code.encode("utf-8", "replace"))
