"""``paper_code_with_files.json``, written as the clones are read: one file in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from codeindex.candidates import Skipped, SkipReason
from codeindex.claims import Claims
from codeindex.files import replacing
from codeindex.indexing import Progress
from codeindex_papers.collect.cache import Clone
from codeindex_papers.collect.cloning import Outcome
from codeindex_papers.collect.code_files import code_files
from codeindex_papers.collect.mentions import Mentions
from codeindex_papers.collect.pairs import Link, PaperEntry
from codeindex_papers.collect.receipt import Unmentioned, Written
from codeindex_papers.collect.urls import identity


def write_papers(
    entries: Sequence[PaperEntry],
    outcomes: Mapping[str, Outcome],
    claims: Claims,
    target: Path,
    *,
    verify_links: bool = False,
    progress: Progress | None = None,
) -> tuple[Written, bool]:
    """Writes the file whole or not at all.

    Args:
        entries: the papers.
        outcomes: by identity of the repository; all that the papers name.
        claims: which files are source code.
        target: the JSON file.
        verify_links: only code of repositories that mention the paper.
        progress: told of each paper.

    Returns:
        What was written, and whether: without any code, an older file stays as it is.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(target) as temporary:
        with temporary.open("w", encoding="utf-8", errors="replace") as file:
            writer = _Writer(file, outcomes, claims, verify_links)
            file.write("[")
            for number, entry in enumerate(entries):
                file.write(",\n" if number else "\n")
                writer.entry(entry)
                if progress is not None:
                    progress(number + 1, len(entries))
            file.write("\n]\n")
        saved = bool(writer.written.kept) or not target.exists()
        if not saved:
            temporary.unlink()
    return writer.written, saved


class _Writer:
    """Writes entries and counts them."""

    def __init__(
        self, file: TextIO, outcomes: Mapping[str, Outcome], claims: Claims, verify_links: bool
    ) -> None:
        self.written = Written()
        self._file = file
        self._outcomes = outcomes
        self._claims = claims
        self._verify = verify_links

    def entry(self, entry: PaperEntry) -> None:
        self.written.papers += 1
        self._file.write(f'{{"paper": {_json(entry.facts)}, "repositories": [')
        for number, link in enumerate(entry.links):
            self._file.write(", " if number else "")
            self._link(entry, link)
        self._file.write("]}")

    def _link(self, entry: PaperEntry, link: Link) -> None:
        self.written.links += 1
        key = identity(link.url)
        outcome = self._outcomes[key]
        error = outcome.error
        if outcome.clone and self._verify:
            error = self._not_mentioned(entry, link, outcome.clone)
        if outcome.clone is None or error:
            self._file.write(_json({**link.facts, "cloned": False, "error": error}))
            return
        self.written.kept += 1
        self._file.write(_json({**link.facts, "cloned": True})[:-1] + ', "code_files": [')
        self._code(key, outcome.clone)
        self._file.write("]}")

    def _not_mentioned(self, entry: PaperEntry, link: Link, clone: Clone) -> str:
        """Why the link is taken out; empty if the repository mentions the paper."""
        mentions = Mentions(entry.arxiv_id, entry.title)
        if mentions.in_tree(clone.tree):
            return ""
        paper = str(mentions) or "its paper, which has neither an arXiv id nor a title"
        error = f"the repository does not mention {paper}"
        self.written.unmentioned.append(Unmentioned(entry.arxiv_id, link.url, error))
        return error

    def _code(self, key: str, clone: Clone) -> None:
        first = key not in self.written.files_of
        number = 0
        for item in code_files(clone.tree, self._claims):
            if isinstance(item, Skipped):
                if first and item.is_error:
                    self.written.skipped[_reason(item)] += 1
                continue
            self._file.write((",\n" if number else "\n") + _json(asdict(item)))
            number += 1
            self.written.code_files += 1
            self.written.code_bytes += item.size_bytes
        self.written.files_of[key] = number


def _reason(item: Skipped) -> str:
    """Without what differs from file to file."""
    if item.reason is SkipReason.UNREADABLE and item.detail:
        return item.detail.partition(":")[0]
    return item.reason.value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
