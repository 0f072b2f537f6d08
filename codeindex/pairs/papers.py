"""Step 1 of the workflow: papers with their code → one pair for each (paper, code file)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeindex.papers_json import CodeFile, Paper, Repository, read_papers

NO_CODE = "without code"
NO_TEXT = "without title and abstract"
EMPTY = "empty"
REPEATED = "twice under one paper"


@dataclass
class PaperCounts:
    """What became of papers and files; what was skipped is among what was processed.

    Attributes:
        papers, files: processed.
        papers_skipped, files_skipped: reason → how many.
        pairs: written.
    """

    papers: int = 0
    papers_skipped: Counter[str] = field(default_factory=Counter)
    files: int = 0
    files_skipped: Counter[str] = field(default_factory=Counter)
    pairs: int = 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "papers_processed": self.papers,
            "papers_skipped": self.papers_skipped.total(),
            "files_processed": self.files,
            "files_skipped": self.files_skipped.total(),
            "pairs": self.pairs,
            "reasons": {
                "papers": dict(self.papers_skipped),
                "files": dict(self.files_skipped),
            },
        }


def paper_rows(
    path: Path,
    counts: PaperCounts,
    *,
    max_papers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """The entries of ``parsed_pairs.json``, one paper in memory at a time.

    A paper that stands twice, with the same repository, gives its pairs once.

    Args:
        path: ``paper_code_with_files.json``.
        counts: filled while the rows are taken.
        max_papers: papers read; 0 for all.
        progress: told of the papers read.

    Raises:
        ExtractionError: see `read_papers`.
    """
    seen: set[bytes] = set()
    for paper in read_papers(path, max_papers=max_papers):
        counts.papers += 1
        files = sum(len(repository.files) for repository in paper.repositories)
        counts.files += files
        text = f"{paper.title} {paper.abstract}".strip()
        if not files or not text:
            counts.papers_skipped[NO_TEXT if files else NO_CODE] += 1
            counts.files_skipped.update({f"of a paper {NO_TEXT}": files} if files else {})
        else:
            for repository, file in _new_files(paper, seen, counts):
                yield _row(text, paper, repository, file, counts.pairs)
                counts.pairs += 1
        if progress is not None:
            progress(counts.papers, 0)


def _new_files(
    paper: Paper, seen: set[bytes], counts: PaperCounts
) -> Iterator[tuple[Repository, CodeFile]]:
    """Files with content, of repositories that were not met under the same paper before."""
    for repository in paper.repositories:
        digest = _digest(paper, repository)
        if digest in seen:
            if repository.files:
                counts.files_skipped[REPEATED] += len(repository.files)
            continue
        seen.add(digest)
        for file in repository.files:
            if file.content.strip():
                yield repository, file
            else:
                counts.files_skipped[EMPTY] += 1


def _digest(paper: Paper, repository: Repository) -> bytes:
    """16 bytes for a paper with a repository and all its files, so that memory stays small."""
    digest = hashlib.blake2b(digest_size=16)
    texts = [paper.arxiv_id, paper.title, paper.abstract, repository.name, repository.url]
    texts += [text for file in repository.files for text in (file.path, file.content)]
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()


def _row(
    text: str, paper: Paper, repository: Repository, file: CodeFile, number: int
) -> dict[str, Any]:
    return {
        "paper_text": text,
        "code_text": file.content,
        "metadata": {
            "arxiv_id": paper.arxiv_id,
            "paper_title": paper.title,
            "repo_name": repository.name,
            "repo_url": repository.url,
            "code_file_path": file.path,
            "code_language": file.language,
            "code_file_extension": file.extension,
            "code_file_lines": file.lines,
            "pair_index": number,
        },
    }
