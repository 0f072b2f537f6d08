"""What a search asks: one index or store, or several indexes together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
from click.core import ParameterSource

from codeindex.cli.reading import open_to_read
from codeindex.errors import CodeIndexError, UsageError
from codeindex.location import CATALOG
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.cli.session import Session
    from codeindex.filters import Filter
    from codeindex.index import Index
    from codeindex.many import SeveralIndexes
    from codeindex.ranking.options import SearchOptions
    from codeindex.remote import AttachedIndex
    from codeindex.searching import SearchResult


class IndexesOption(click.Option):
    """An option that may be repeated, and of which a settings file may give one value."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """One value is a list of one."""
        return super().type_cast_value(ctx, [value] if isinstance(value, str) else value)


indexes_option = click.option(
    "--index",
    "index",
    cls=IndexesOption,
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the index. Default: $CODEINDEX_INDEX, else .codeindex. Repeated, several"
    " are searched together.",
)


class Opened:
    """An index, an attached store, or several indexes, open. Close it, or use ``with``.

    Attributes:
        searched: which it is.
    """

    def __init__(self, searched: Index | AttachedIndex | SeveralIndexes) -> None:
        """Takes what is open, which it closes."""
        self.searched = searched
        self._told: set[str] = set()

    def search_many(
        self, queries: Sequence[str], top_k: int, where: Filter, options: SearchOptions
    ) -> list[list[SearchResult]]:
        """See `codeindex.Index.search_many`."""
        return self.searched.search_many(queries, top_k, where, options)

    def notes(self, mode: str) -> list[str]:
        """What is to be said of the answers: what was not searched, or is not complete.

        Each is given once, however often it is asked for.
        """
        indexes = self.indexes()
        notes = [] if "" in indexes else self._of_others(mode)
        for name, index in indexes.items():
            with suppress(CodeIndexError, OSError):  # then it is among the problems
                if index.unfinished():
                    whose = f" at {name}" if name else ""
                    notes.append(
                        f"note: the index{whose} is not complete; codeindex status says more"
                    )
        new = [note for note in notes if note not in self._told]
        self._told.update(new)
        return new

    def _of_others(self, mode: str) -> list[str]:
        """Notes on what is no index of its own."""
        from codeindex.many import SeveralIndexes

        if isinstance(self.searched, SeveralIndexes):
            return [f"note: not searched: {problem}" for problem in self.searched.problems]
        if mode != "hybrid":
            return []
        return ["note: searched by meaning only; a store without an index keeps no words"]

    def indexes(self) -> Mapping[str, Index]:
        """The open index folders, by name; one alone has no name."""
        from codeindex.index import Index

        if isinstance(self.searched, Index):  # looked at first: one search loads nothing else
            return {"": self.searched}
        from codeindex.many import SeveralIndexes

        return self.searched.indexes if isinstance(self.searched, SeveralIndexes) else {}

    def state(self) -> list[tuple[int, int, str | None]]:
        """What differs when an index was made anew, or embedded with another encoder."""
        return [
            (*_file_of(index.folder / CATALOG), index.encoder_fingerprint)
            for index in self.indexes().values()
        ]

    def close(self) -> None:
        """Closes it. May be called twice."""
        self.searched.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_asked(session: Session, **given: Any) -> Opened:
    """Opens what the options name: one ``--index`` or none as `open_to_read` does, or several.

    Raises:
        UsageError: a backend is named for several.
        CodeIndexError: it cannot be opened, or none of several can.
    """
    places: Sequence[Path] = given.pop("index")
    if len(places) < 2:
        return Opened(open_to_read(session, **given, index=next(iter(places), None)))
    typed = click.get_current_context().get_parameter_source("backend")
    if given["backend_option"] or typed is ParameterSource.COMMANDLINE:
        raise UsageError(
            "--backend and -B are for one index; of several, each is read by the backend it has"
        )
    from codeindex.many import SeveralIndexes

    several = SeveralIndexes.open(
        places,
        encoder=given["encoder"],
        encoder_options=split_assignments(given["encoder_option"]),
        host=session.host,
    )
    return Opened(several)


def _file_of(path: Path) -> tuple[int, int]:
    """Which file stands at `path`; zeros if none does."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino
