"""The command line: a thin layer over the Python API, one command a file."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from click.core import ParameterSource

from codeindex.errors import CodeIndexError

USAGE_OR_ERROR = 2
INTERRUPTED = 130

_BEFORE = frozenset({"-q", "--quiet", "--debug", "--config", "--plugin", "--no-plugin"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs ``codeindex`` and exits: 0 done, 1 nothing found or a check failed, 2 error."""
    # Start-up makes many objects that all stay; the collector would walk them again and again.
    gc.set_threshold(300_000, 20, 100)
    code = run(arguments)
    if threading.active_count() > 1:
        sys.exit(code)  # a plugin's thread may have work to finish
    # Exit handlers run and files are flushed; then the process ends. Taking apart every module
    # of the libraries in use would take as long as a search.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # `run` has told it; the rest cannot be written
            stream.flush()
    os._exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs ``codeindex`` and returns the exit code. Mistakes end in one line, not a traceback."""
    from codeindex.cli.group import ReaderGone, codeindex

    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name in no known encoding
    try:
        code = codeindex.main(words, prog_name="codeindex", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.BadParameter) and (where := _settings_of(error)):
            click.echo(f"The value stands in {where}.", err=True)
        if isinstance(error, click.NoSuchOption) and error.option_name in _BEFORE:
            click.echo(
                f"{error.option_name} stands before the command: codeindex"
                f" {error.option_name} {words[0]} …",
                err=True,
            )
        return USAGE_OR_ERROR
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nstopped; what was finished is kept", err=True)
        return INTERRUPTED
    except (ReaderGone, BrokenPipeError):
        # Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (CodeIndexError, OSError) as error:
        if "--debug" in words:
            import traceback

            traceback.print_exc()
        click.echo(f"error: {_one_line(error)}", err=True)
        return USAGE_OR_ERROR


def _settings_of(error: click.BadParameter) -> Path | None:
    """The settings file that a wrong value is from; None where it was typed."""
    from codeindex.cli.session import Session

    context, option = error.ctx, error.param
    if context is None or option is None or option.name is None:
        return None
    if context.get_parameter_source(option.name) is not ParameterSource.DEFAULT_MAP:
        return None
    session = context.find_object(Session)
    return session.settings.path if session and session.settings else None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on the disk; what was committed before is kept"
    return str(error)
