"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from codeindex.errors import OptionError, UsageError
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.host import Host

F = TypeVar("F", bound=Callable[..., Any])

index_option = click.option(
    "--index",
    "index",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the index. Default: $CODEINDEX_INDEX, else .codeindex.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there already.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def index_argument(command: F) -> F:
    """``[INDEX]`` beside ``--index``, for a command about an index as a whole.

    The command gets one `index`, or None, whichever way it was given.
    """

    @wraps(command)
    def call(*args: Any, folder: Path | None, index: Path | None, **given: Any) -> Any:
        source = click.get_current_context().get_parameter_source("index")
        if folder is not None and source is ParameterSource.COMMANDLINE:
            raise UsageError("name the index once: as INDEX or by --index")
        return command(*args, index=folder or index, **given)

    argument = click.argument(
        "folder",
        metavar="[INDEX]",
        required=False,
        type=click.Path(file_okay=False, path_type=Path),
    )
    return argument(index_option(call))  # type: ignore[return-value]


def encoder_options(command: F) -> F:
    """``--encoder`` and ``-E``."""
    command = click.option(
        "--encoder-option",
        "-E",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the encoder. May be repeated.",
    )(command)
    return click.option(
        "--encoder", metavar="NAME", help="Encoder. Default: the index's, or fast."
    )(command)


def backend_options(command: F) -> F:
    """``--backend`` and ``-B``."""
    command = click.option(
        "--backend-option",
        "-B",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the backend. May be repeated.",
    )(command)
    return click.option(
        "--backend", metavar="NAME", help="Index backend. Default: the index's, or faiss."
    )(command)


def walk_options(command: F) -> F:
    """Which files are read."""
    for option in (
        click.option(
            "--max-bytes",
            type=click.IntRange(min=1),
            default=2_000_000,
            show_default=True,
            help="Skip larger files.",
        ),
        click.option(
            "--all",
            "everything",
            is_flag=True,
            help="Also ignored, hidden, vendored and generated files.",
        ),
        click.option(
            "--exclude", multiple=True, metavar="GLOB", help="Skip these files. May be repeated."
        ),
        click.option(
            "--include", multiple=True, metavar="GLOB", help="Only these files. May be repeated."
        ),
    ):
        command = option(command)
    return command


extractor_option = click.option(
    "--extractor-option",
    "-X",
    multiple=True,
    metavar="[NAME.]KEY=VALUE",
    help="Option of an extractor. May be repeated.",
)
jobs_option = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=0),
    default=0,
    help="Processes that read files. Default: one for each core.",
)


def extractor_values(host: Host, words: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """``-X`` words → option values by extractor.

    Raises:
        OptionError: no extractor has the option, or several have and none is named.
    """
    import dataclasses

    fields = {
        offer.spec.name: {field.name for field in dataclasses.fields(offer.spec.options)}
        for offer in host.extractors.offers()
    }
    values: dict[str, dict[str, Any]] = {}
    for key, value in split_assignments(words).items():
        name, dot, rest = key.partition(".")
        owners = [name] if dot else [owner for owner, keys in fields.items() if key in keys]
        option = rest if dot else key
        if len(owners) == 1 and option in fields.get(owners[0], ()):
            values.setdefault(owners[0], {})[option] = value
            continue
        known = ", ".join(sorted(f"{owner}.{item}" for owner in fields for item in fields[owner]))
        problem = "is an option of " + " and ".join(owners) if len(owners) > 1 else "is unknown"
        raise OptionError(f"extractor option {key!r} {problem}; known: {known or 'none'}")
    return values
