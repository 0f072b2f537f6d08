"""System: an index with an encoder, and the run that asks several of them the same questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codeindex.errors import UsageError
from codeindex.evaluation import held_out
from codeindex.evaluation.measuring import Measured, measure
from codeindex.evaluation.places import Places
from codeindex.evaluation.questions import Asking, Level, Questions
from codeindex.evaluation.temporary import OWN_ENCODER, EncoderChoice, temporary_index
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions

if TYPE_CHECKING:
    from codeindex.index import Index
    from codeindex.indexing import Progress
    from codeindex.reranking import Reranking

Bar = Callable[[str, str], AbstractContextManager["Progress | None"]]
"""(what is done, unit) → a progress bar."""


@dataclass(frozen=True, slots=True)
class System:
    """What is measured.

    Attributes:
        name: what it is called in tables, with the mode.
        index: open; its snippets are the pool.
        encoder: instead of the index's own.
        modes: of searching; each is measured.
        reranker: name, and what scores the best results of the first mode once more: that is
            measured, too.
    """

    name: str
    index: Index
    encoder: EncoderChoice = OWN_ENCODER
    modes: tuple[Mode, ...] = (Mode.HYBRID,)
    reranker: tuple[str, Reranking] | None = None

    def ways(self, limit: int) -> Iterator[tuple[str, SearchOptions]]:
        """The ways of searching that are measured, each with its name.

        Args:
            limit: most answers of a file.
        """
        for mode in self.modes:
            yield f"{self.name}, {mode}", SearchOptions(mode, limit)
        if self.reranker:
            title, reranking = self.reranker
            mode = self.modes[0]
            options = SearchOptions(mode, limit, reranking=reranking)
            yield f"{self.name}, {mode}, {title}", options


def level_for(questions: Questions, index: Index, wanted: Level | None) -> Level:
    """The level to ask at: as wanted, or snippets, or files where a target is one.

    Raises:
        UsageError: snippets are wanted, and a target is a file; or no target is in the index.
    """
    places = Places(index.snippets(), Level.SNIPPET)
    targets = [target for question in questions.asked for target in question.relevant]
    files = [target for target in targets if places.is_file(target)]
    if wanted is Level.SNIPPET and files:
        raise UsageError(
            f"{questions.source}: the target {files[0]!r} is a file, not a snippet in one; ask with"
            " --level file, or name what is in it: path:name or path#L10-L20"
        )
    level = wanted or (Level.FILE if files else Level.SNIPPET)
    known = places if level is Level.SNIPPET else Places(index.snippets(), Level.FILE)
    if not any(map(known.resolved, targets)):
        raise UsageError(
            f"{questions.source}: none of the {len(targets):,} judged targets is in the index; the"
            f" first is {targets[0]!r}. A target is a path as the index has it (relative to"
            f" {index.root}), path:name or path#L10-L20"
        )
    return level


def run(
    systems: Sequence[System], questions: Questions, asking: Asking, bar: Bar
) -> list[Measured]:
    """Asks every system the questions, in each of its modes, one after the other.

    Held-out docstrings are asked of a temporary index without docstrings, other questions of
    the index itself, or, by another encoder, of a temporary one; see `temporary_index`.
    """
    for system in systems[1:]:
        _check_targets(system, questions, asking.level)
    measured = []
    for system in systems:
        with _searched(system, questions, bar) as index:
            for name, search in system.ways(asking.limit()):
                with bar(f"asking {name}", "questions") as progress:
                    found = measure(index, name, questions, asking, search, progress)
                measured.append(found)
    return measured


def _check_targets(system: System, questions: Questions, level: Level) -> None:
    """Refuses an index that can find nothing: a comparison with it would say nothing, too.

    Raises:
        UsageError: no target is in it.
    """
    places = Places(system.index.snippets(), level)
    targets = [target for question in questions.asked for target in question.relevant]
    if not any(map(places.resolved, targets)):
        raise UsageError(
            f"{system.name}: none of the {len(targets):,} judged targets is in it; the first is"
            f" {targets[0]!r}. It is to be an index of the same code, with the same root: this one"
            f" has {system.index.root}"
        )


@contextmanager
def _searched(system: System, questions: Questions, bar: Bar) -> Iterator[Index]:
    """What is asked."""
    without = questions.source == held_out.SOURCE
    if not without and system.encoder.name is None:
        yield system.index
        return
    with bar(f"embedding for {system.name}", "snippets") as progress:
        temporary = temporary_index(
            system.index, without_docstrings=without, encoder=system.encoder, progress=progress
        )
        index = temporary.__enter__()
    try:
        yield index
    finally:
        temporary.__exit__(None, None, None)
