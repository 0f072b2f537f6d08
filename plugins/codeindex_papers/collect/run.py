"""Collect: read the pairs, clone, write; one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from codeindex.errors import StorageError, UsageError
from codeindex.indexing import Progress
from codeindex_papers.collect.cache import open_cache
from codeindex_papers.collect.cloning import clone_all
from codeindex_papers.collect.git import Git, Limits
from codeindex_papers.collect.languages import source_claims
from codeindex_papers.collect.pairs import read_pairs
from codeindex_papers.collect.receipt import Receipt
from codeindex_papers.collect.writing import write_papers


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOptions:
    """How to collect.

    Attributes:
        jobs: repositories cloned at a time.
        limits: of one repository.
        max_papers: entries read; 0: all.
        max_repositories: distinct repositories, in the order of the file; 0: all.
        languages: of the code that is taken; empty: all that are known.
        verify_links: take only repositories that mention the paper.
    """

    jobs: int = 4
    limits: Limits = field(default_factory=Limits)
    max_papers: int = 0
    max_repositories: int = 0
    languages: Sequence[str] = ()
    verify_links: bool = False


def collect(
    pairs: Path,
    target: Path,
    cache: Path,
    options: CollectOptions,
    find_git: Callable[[], Git],
    progress: Callable[[str, str], AbstractContextManager[Progress | None]],
) -> Receipt:
    """Makes `target` of `pairs`.

    Args:
        pairs: ``paper_code_pairs.json``.
        target: ``paper_code_with_files.json``.
        cache: folder of the clones.
        options: see there.
        find_git: called if something has to be cloned.
        progress: (what is done, to what) → something to tell of it.

    Raises:
        CodeIndexError: wrong input, no git, a folder that cannot be written to, or a cache
            in use. What was cloned before stays in the cache.
    """
    start = time.monotonic()
    claims = source_claims(options.languages)
    entries = read_pairs(pairs, options.max_papers)
    # Cloning takes hours: what would fail afterwards fails now.
    if not target.absolute().parent.is_dir():
        raise StorageError(f"cannot write {target}: no folder {target.absolute().parent}")
    if target.exists() and target.samefile(pairs):
        raise UsageError(f"{target} is the input; choose another file with --output")
    with open_cache(cache) as opened:
        with progress("cloning", "repositories") as told:
            outcomes = clone_all(
                [link.url for entry in entries for link in entry.links],
                opened,
                find_git,
                options.limits,
                jobs=options.jobs,
                max_repositories=options.max_repositories,
                progress=told,
            )
        with progress("writing", "papers") as told:
            written, saved = write_papers(
                entries,
                outcomes,
                claims,
                target,
                verify_links=options.verify_links,
                progress=told,
            )
    return Receipt(target, saved, cache, outcomes, written, time.monotonic() - start)
