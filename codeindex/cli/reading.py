"""What a command reads: an index folder, or what another machine keeps where the options say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.cli.session import Session
    from codeindex.index import Index
    from codeindex.remote import AttachedIndex

F = TypeVar("F", bound=Callable[..., Any])


def store_options(command: F) -> F:
    """``--backend`` and ``-B``, of the index or of what is kept without one."""
    command = click.option(
        "--backend-option",
        "-B",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the backend, as where it is. May be repeated.",
    )(command)
    return click.option(
        "--backend", metavar="NAME", help="Backend to read from, with no index folder, by -B."
    )(command)


def open_to_read(session: Session, **given: Any) -> Index | AttachedIndex:
    """Opens the index that the options name, or the nearest one, or an attached store.

    A store is attached where a backend that has stores is named with options of its own, or
    is named and there is no index; an index folder that is named is always read itself.

    Raises:
        NotFoundError: there is neither.
    """
    from codeindex.errors import NotFoundError
    from codeindex.index import Index

    chosen: dict[str, Any] = {
        "encoder": given.get("encoder"),
        "encoder_options": split_assignments(given.get("encoder_option") or ()),
        "backend_options": split_assignments(given["backend_option"]),
        "host": session.host,
    }
    backend, typed = given["backend"], _typed("backend")
    named = _typed("index") or _typed("folder")
    if typed and _typed("backend_option") and not named and _has_stores(session, backend):
        return _attach(backend, chosen)
    try:
        folder: Path = session.find_index(given["index"])
    except NotFoundError:
        if named or not (typed or (backend and _has_stores(session, backend))):
            raise
        return _attach(backend, chosen)  # or it says which backends can be read so
    # A backend that settings name is for new indexes; this one has its own.
    return Index.open(index=folder, backend=backend if typed else None, **chosen)


def _attach(backend: str, chosen: dict[str, Any]) -> AttachedIndex:
    from codeindex.remote import AttachedIndex

    return AttachedIndex.open(backend, **chosen)


def _has_stores(session: Session, backend: str) -> bool:
    return session.host.backends.get(backend).spec.attach is not None


def _typed(option: str) -> bool:
    """Whether it stands on the command line, not in the settings."""
    source = click.get_current_context().get_parameter_source(option)
    return source is ParameterSource.COMMANDLINE
