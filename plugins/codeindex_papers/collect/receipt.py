"""Receipt of ``papers collect``: what became of every repository, link and file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from codeindex_papers.collect.cloning import Outcome, State


@dataclass(frozen=True, slots=True)
class Unmentioned:
    """A link that ``--verify-links`` takes out: the repository says nothing of the paper."""

    arxiv_id: str
    url: str
    error: str


@dataclass(slots=True)
class Written:
    """What stands in the output.

    Attributes:
        papers: entries.
        links: repositories under them; one may stand under several papers.
        kept: links with their code.
        code_files: files under them; those of a repository under two papers count twice.
        code_bytes: of these files, on disk.
        unmentioned: links that were taken out.
        skipped: reason → source files that are too large or no text, each counted once.
        files_of: repository → number of its code files.
    """

    papers: int = 0
    links: int = 0
    kept: int = 0
    code_files: int = 0
    code_bytes: int = 0
    unmentioned: list[Unmentioned] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    files_of: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of one run.

    Attributes:
        output: the file.
        saved: whether it was written: one from before is not replaced by one without code.
        cache: where the clones are.
        outcomes: repository → what became of it, in the order of the file.
        written: what stands in the output.
        seconds: wall time.
    """

    output: Path
    saved: bool
    cache: Path
    outcomes: Mapping[str, Outcome]
    written: Written
    seconds: float

    def count(self, state: State) -> int:
        """Repositories of which this became."""
        return sum(outcome.state is state for outcome in self.outcomes.values())

    @property
    def failures(self) -> list[Outcome]:
        """Repositories that should be there and are not."""
        return [o for o in self.outcomes.values() if o.state is State.FAILED]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        written = self.written
        return {
            "output": str(self.output),
            "saved": self.saved,
            "cache": str(self.cache),
            "papers": written.papers,
            "links": written.links,
            "links_kept": written.kept,
            "code_files": written.code_files,
            "code_bytes": written.code_bytes,
            "repositories": [
                {
                    "url": outcome.url,
                    "outcome": outcome.state.value,
                    "error": outcome.error,
                    "commit": outcome.clone.commit if outcome.clone else "",
                    "code_files": written.files_of.get(key, 0),
                    "seconds": round(outcome.seconds, 3),
                }
                for key, outcome in self.outcomes.items()
            ],
            "unmentioned": [asdict(link) for link in written.unmentioned],
            "skipped_files": dict(written.skipped),
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """The receipt, for people."""
        written = self.written
        states = [(self.count(state), state.value) for state in State]
        said = ", ".join(f"{number:,} {name}" for number, name in states if number)
        lines = [
            f"papers        {written.papers:,}, with {_counted(written.links, 'link')}"
            f" to {_counted(len(self.outcomes), 'repository', 'repositories')}",
            f"repositories  {said or 'none'}",
        ]
        if written.unmentioned:
            unmentioned = _counted(len(written.unmentioned), "link")
            lines.append(f"links         {unmentioned} to code that does not mention the paper")
        lines.append(
            f"code files    {written.code_files:,} ({written.code_bytes / 1e6:,.1f} MB)"
            f" under {_counted(written.kept, 'link')}"
        )
        for reason, number in written.skipped.most_common():
            lines.append(f"skipped       {_counted(number, 'source file')}: {reason}")
        lines += [f"failed        {o.url or '(empty)'}: {o.error}" for o in self.failures]
        lines += [f"unmentioned   {link.url}: {link.error}" for link in written.unmentioned]
        if self.saved:
            lines.append(f"output        {self.output}")
        lines += [f"cache         {self.cache}", f"seconds       {self.seconds:.2f}"]
        return lines


def _counted(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"
