"""Two ways to run a command: as users do, or in this process, which takes a tenth of the time."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codeindex import cli


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and what it printed."""

    code: int
    text: str


Run = Callable[[Sequence[str]], Done]
"""Runs a command line, whose first word is the program."""


def in_a_process(env: Mapping[str, str]) -> Run:
    """Runs commands as users do."""

    def run(argv: Sequence[str]) -> Done:
        done = subprocess.run(argv, env=dict(env), capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout + done.stderr)

    return run


def in_this_process(argv: Sequence[str]) -> Done:
    """Runs a command of codeindex without starting anything."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = cli.run(argv[1:])
    return Done(code, output.getvalue())


def run_well(run: Run, argv: Sequence[str]) -> None:
    """Runs a command that is to end well.

    Raises:
        SystemExit: it does not; the message has what it printed.
    """
    done = run(argv)
    if done.code:
        raise SystemExit(f"{' '.join(argv)} failed ({done.code}):\n{done.text}")
