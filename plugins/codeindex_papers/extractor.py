"""``paper_code_with_files.json`` → the source files in it, one paper in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator

from codeindex.errors import ExtractionError
from codeindex.papers_json import Paper, read_papers
from codeindex.snippet import SourceFile


class PapersExtractor:
    """Yields a `SourceFile` for each code file of each cloned repository."""

    def __init__(self, max_papers: int = 0) -> None:
        """Reads at most `max_papers` papers; 0 means all."""
        self._max_papers = max_papers

    def extract(self, source: SourceFile) -> Iterator[SourceFile]:
        """The code files, in the order of the file; those without content or language are not.

        Raises:
            ExtractionError: see `read_papers`.
        """
        if source.location is None:
            raise ExtractionError(f"{source.path}: papers are read from a file on disk")
        papers = read_papers(source.location, called=source.path, max_papers=self._max_papers)
        for paper in papers:
            yield from _files(paper)


def _files(paper: Paper) -> Iterator[SourceFile]:
    facts = {
        "paper_id": paper.arxiv_id,
        "paper_title": paper.title,
        "paper_abstract": paper.abstract,
        "paper_url": paper.url,
    }
    for repository in paper.repositories:
        for file in repository.files:
            if not (file.content and file.language):
                continue
            yield SourceFile(
                f"{repository.name}/{file.path}",
                file.language.lower(),
                file.content.replace("\r\n", "\n").replace("\r", "\n"),
                extra={
                    **facts,
                    "repo_name": repository.name,
                    "repo_url": repository.url,
                    "file_path": file.path,
                },
            )
