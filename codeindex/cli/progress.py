"""A progress bar with rate and time left: on a terminal only, on stderr, not with ``--quiet``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codeindex.cli.session import Session
    from codeindex.indexing import Progress


@contextmanager
def progress_bar(session: Session, verb: str, unit: str) -> Iterator[Progress | None]:
    """Something to call with (done, total), or None where no bar is wanted."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    bar: tqdm[Any] = tqdm(desc=verb, unit=f" {unit}", leave=False, file=sys.stderr)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        bar.close()
