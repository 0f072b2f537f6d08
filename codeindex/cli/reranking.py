"""Options that have the best of a search scored once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from codeindex.errors import UsageError
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.cli.session import Session
    from codeindex.reranking import Reranking

F = TypeVar("F", bound=Callable[..., Any])


def reranker_options(command: F) -> F:
    """``--reranker``, ``-R`` and ``--rerank-depth``."""
    for option in (
        click.option(
            "--rerank-depth",
            type=click.IntRange(min=1),
            default=30,
            show_default=True,
            metavar="N",
            help="How many of the best the reranker scores.",
        ),
        click.option(
            "--reranker-option",
            "-R",
            multiple=True,
            metavar="KEY=VALUE",
            help="Option of the reranker. May be repeated.",
        ),
        click.option(
            "--reranker", metavar="NAME", help="Score the best hits once more by this reranker."
        ),
    ):
        command = option(command)
    return command


def reranking_asked(
    session: Session,
    reranker: str | None,
    reranker_option: tuple[str, ...],
    rerank_depth: int,
    **_: Any,
) -> Reranking | None:
    """What the options name; None if no reranker.

    Raises:
        NotFoundError, OptionError, PluginError: it cannot be made.
        UsageError: ``-R`` is typed, and no reranker is named.
    """
    if not reranker:
        source = click.get_current_context().get_parameter_source("reranker_option")
        if source is ParameterSource.COMMANDLINE:
            known = ", ".join(session.host.rerankers.names()) or "none"
            raise UsageError(f"-R is for a reranker; name one with --reranker; installed: {known}")
        return None
    from codeindex.reranking import Reranking, make_reranker

    values = split_assignments(reranker_option)
    return Reranking(make_reranker(session.host, reranker, values), rerank_depth)
