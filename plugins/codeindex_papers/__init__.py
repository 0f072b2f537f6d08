"""Plugin `papers`: papers with their code, collected by `papers collect`, read by `extract`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Extractor
from codeindex.specs import CommandSpec, ExtractorSpec


@dataclass(frozen=True)
class PapersOptions:
    """Options of the extractor `papers`."""

    max_papers: int = field(default=0, metadata={"help": "Papers to read; 0 = all."})


_EXAMPLE = """[
  {
    "paper": {"arxiv_id": "1706.03762", "title": "Attention", "abstract": "…", "url": "u"},
    "repositories": [
      {
        "url": "https://example.org/r",
        "name": "r",
        "cloned": true,
        "code_files": [
          {"path": "a.py", "extension": ".py", "language": "Python", "content": "x = 1\\n"}
        ]
      }
    ]
  }
]
"""


def _make(options: PapersOptions) -> Extractor:
    from codeindex_papers.extractor import PapersExtractor

    return PapersExtractor(options.max_papers)


@hookimpl
def codeindex_extractors() -> Iterable[ExtractorSpec]:
    """The extractor `papers`."""
    return [
        ExtractorSpec(
            name="papers",
            summary="The code files of papers' repositories, from paper_code_with_files.json.",
            options=PapersOptions,
            make=_make,
            suffixes={".json": "papers"},
            streams=True,
            when_asked=True,
            requires=("ijson",),
            install="pip install ijson",
            example={"paper_code_with_files.json": _EXAMPLE},
        )
    ]


@hookimpl
def codeindex_commands() -> Iterable[CommandSpec]:
    """The command group `papers`."""
    return [
        CommandSpec(
            name="papers",
            summary="Collect the code that goes with papers.",
            target="codeindex_papers.commands:papers",
            requires=("ijson",),
            install="pip install ijson",
        )
    ]
