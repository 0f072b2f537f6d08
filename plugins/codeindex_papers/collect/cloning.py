"""Many repositories at once: from the cache or by cloning, each with what became of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum

from codeindex.indexing import Progress
from codeindex_papers.collect.cache import Cache, Clone
from codeindex_papers.collect.git import CloneError, Git, Limits, StoppedError
from codeindex_papers.collect.urls import identity, refusal


class State(StrEnum):
    """What became of a repository."""

    CLONED = "cloned"
    CACHED = "from the cache"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a repository.

    Attributes:
        url: the address that stands first in the file.
        state: what was done.
        error: why there is no clone; empty where there is one.
        clone: where it is.
        seconds: that cloning took.
    """

    url: str
    state: State
    error: str = ""
    clone: Clone | None = None
    seconds: float = 0.0


def clone_all(
    urls: Sequence[str],
    cache: Cache,
    find_git: Callable[[], Git],
    limits: Limits,
    *,
    jobs: int = 4,
    max_repositories: int = 0,
    progress: Progress | None = None,
) -> Mapping[str, Outcome]:
    """Sees to it that each repository is in the cache.

    Stopped by an exception (Ctrl-C), it kills the clones at work; finished ones are kept.

    Args:
        urls: in the order of the file; one repository may come several times.
        cache: finds and keeps clones.
        find_git: called only if something has to be cloned.
        limits: for each repository.
        jobs: how many are cloned at a time.
        max_repositories: further ones are left out; 0: none is.
        progress: told of each repository.

    Returns:
        Identity (see `urls.identity`) → outcome, in the order of the file.

    Raises:
        UsageError: there is no git.
    """
    outcomes: dict[str, Outcome] = {}
    wanted: dict[str, str] = {}
    for url in urls:
        key = identity(url)
        if key in outcomes:
            continue
        outcomes[key] = _without_git(url, key, cache, max_repositories, len(outcomes))
        if outcomes[key].state is State.FAILED and not outcomes[key].error:
            wanted[key] = url
    if wanted:
        made = _parallel(wanted, cache, find_git(), limits, jobs, progress)
        outcomes.update(made)  # the order is that of the keys' first appearance
    return outcomes


def _without_git(url: str, key: str, cache: Cache, most: int, number: int) -> Outcome:
    """What can be said without cloning; failed without an error: it must be cloned."""
    if most and number >= most:
        return Outcome(url, State.LEFT_OUT, f"left out by --max-repos {most}")
    reason = refusal(url)
    if reason is not None:
        return Outcome(url, State.FAILED, reason)
    clone = cache.find(key)
    return Outcome(url, State.CACHED, clone=clone) if clone else Outcome(url, State.FAILED)


def _parallel(
    wanted: Mapping[str, str],
    cache: Cache,
    git: Git,
    limits: Limits,
    jobs: int,
    progress: Progress | None,
) -> Mapping[str, Outcome]:
    stop = threading.Event()
    made: dict[str, Outcome] = {}
    with ThreadPoolExecutor(jobs, "clone") as pool:
        try:
            waiting = {
                pool.submit(_clone, key, url, cache, git, limits, stop): key
                for key, url in wanted.items()
            }
            for done in as_completed(waiting):
                made[waiting[done]] = done.result()
                if progress is not None:
                    progress(len(made), len(wanted))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return made


def _clone(
    key: str, url: str, cache: Cache, git: Git, limits: Limits, stop: threading.Event
) -> Outcome:
    start = time.monotonic()
    try:
        if stop.is_set():
            raise StoppedError
        with cache.making() as tree:
            commit = git.clone(url, tree, limits, stop)
            clone = cache.keep(tree, key, commit)
    except CloneError as error:
        return Outcome(url, State.FAILED, str(error), seconds=time.monotonic() - start)
    except StoppedError:
        return Outcome(url, State.FAILED, "stopped")  # nobody will see it
    except OSError as error:
        reason = f"cannot be kept: {error.strerror or error}"
        return Outcome(url, State.FAILED, reason, seconds=time.monotonic() - start)
    return Outcome(url, State.CLONED, clone=clone, seconds=time.monotonic() - start)
