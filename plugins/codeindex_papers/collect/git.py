"""One shallow clone: nothing of the repository is run, and it may grow and take only so much.

git runs programs that a *configuration* names (hooks, filters, helpers). What is cloned cannot
bring a configuration, but it can ask, in ``.gitattributes``, for a filter that the user's own
one has: so attributes are switched off before anything is checked out.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from codeindex.errors import UsageError
from codeindex_papers.collect.urls import PROTOCOLS

_POLL = 0.05  # seconds
_LONGEST_REASON = 300
_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.askPass=",
    "core.fsmonitor=false",
    "core.sparseCheckout=true",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)
_CLONE = (
    *("clone", "--quiet", "--depth=1", "--single-branch", "--no-tags", "--no-checkout"),
    *("--no-recurse-submodules", "--template=", "--no-local"),  # --depth is for "remote" ones
)
_NO_ATTRIBUTES = "* -filter -text -eol -ident -working-tree-encoding\n"
# All that was committed counts, so what ignore files say about files to come does not.
_CHECKED_OUT = "/*\n!.gitignore\n"
# Set while git runs a hook, say: they would point it at another repository.
_ELSEWHERE = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"}
    | {"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE"}
    | {"GIT_GRAFT_FILE", "GIT_TEMPLATE_DIR", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_TRACE"}
)


class CloneError(Exception):
    """Why there is no clone, in one line."""


class LimitError(CloneError):
    """It was too slow or too large."""


class StoppedError(Exception):
    """It was asked to stop before it had ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one repository may cost: seconds, and megabytes on disk (its files and their pack)."""

    seconds: float = 300
    megabytes: float = 500


@dataclass(frozen=True, slots=True)
class Git:
    """The git program and the environment that it is run in."""

    program: str
    environment: Mapping[str, str]

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Git:
        """The git on ``PATH``, set so that it asks nobody and speaks few protocols.

        Raises:
            UsageError: there is none.
        """
        program = shutil.which("git", path=environment.get("PATH"))
        if program is None:
            raise UsageError("git is needed to clone repositories, and there is none on PATH")
        kept = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
        kept.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
        return cls(
            program,
            kept
            | {
                "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_LFS_SKIP_SMUDGE": "1",
                "GCM_INTERACTIVE": "never",
                "SSH_ASKPASS_REQUIRE": "never",
                "LC_ALL": "C",
            },
        )

    def clone(self, url: str, folder: Path, limits: Limits, stop: threading.Event) -> str:
        """Clones the newest commit of the main branch into `folder`, which must not exist.

        Returns:
            The commit, in hexadecimal digits.

        Raises:
            CloneError: it cannot be had, is empty, too large or too slow.
            StoppedError: `stop` was set.
        """
        watch = _Watch(folder, limits, stop)
        self._run([*_CLONE, "--", url, str(folder)], watch)
        try:
            commit = self._run(["-C", str(folder), "rev-parse", "--verify", "HEAD^{commit}"], watch)
        except LimitError:
            raise
        except CloneError:
            raise CloneError("the repository is empty") from None
        info = folder / ".git" / "info"
        info.mkdir(exist_ok=True)
        (info / "attributes").write_text(_NO_ATTRIBUTES)
        (info / "sparse-checkout").write_text(_CHECKED_OUT)
        self._run(["-C", str(folder), "checkout", "--quiet", "--force", "HEAD"], watch)
        watch.check_size()
        return commit.strip()

    def _run(self, words: Sequence[str], watch: _Watch) -> str:
        """Runs git to its end, or kills it with all that it started; returns its stdout."""
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        with TemporaryFile() as out, TemporaryFile() as said:
            process = subprocess.Popen(
                [self.program, *settings, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
                env=dict(self.environment),
                start_new_session=True,  # a group to kill, and no terminal to ask on
            )
            try:
                watch.until_end(process)
            except BaseException:
                _kill(process)
                raise
            if process.returncode:
                raise CloneError(_reason(_tail(said.fileno()), process.returncode))
            return _tail(out.fileno())


class _Watch:
    """Holds a clone to its limits while git is at work."""

    def __init__(self, folder: Path, limits: Limits, stop: threading.Event) -> None:
        self._folder = folder
        self._limits = limits
        self._stop = stop
        self._deadline = time.monotonic() + limits.seconds
        self._measure_at = 0.0

    def until_end(self, process: subprocess.Popen[bytes]) -> None:
        """Waits; raises what is wrong while it still runs."""
        while True:
            try:
                process.wait(_POLL)
                return
            except subprocess.TimeoutExpired:
                self._check()

    def _check(self) -> None:
        if self._stop.is_set():
            raise StoppedError
        now = time.monotonic()
        if now > self._deadline:
            raise LimitError(f"took longer than {self._limits.seconds:g} s (--timeout)")
        if now >= self._measure_at:
            self.check_size()
            done = time.monotonic()  # measuring must not take more than a part of the time
            self._measure_at = done + max(4 * _POLL, 10 * (done - now))

    def check_size(self) -> None:
        if _size(self._folder) > self._limits.megabytes * 1e6:
            raise LimitError(f"larger than {self._limits.megabytes:g} MB (--max-size)")


def _size(folder: Path) -> int:
    """Bytes of the files below a folder that may change, or be gone, meanwhile."""
    total = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except OSError:
        pass  # it ended by itself
    process.wait()


def _tail(descriptor: int, most: int = 8192) -> str:
    """The last bytes of a temporary file, however much was written."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, max(0, size - most), os.SEEK_SET)
    return os.read(descriptor, most).decode("utf-8", "replace")


def _reason(said: str, code: int) -> str:
    """What git says, in one line that a terminal can show."""
    lines = ["".join(filter(str.isprintable, line)).strip() for line in said.splitlines()]
    lines = [line for line in lines if line]
    if any("could not read Username" in line for line in lines):
        return "not found, or private: the host asks for a name and a password"
    fatal = next((n for n, line in enumerate(lines) if line.startswith("fatal:")), len(lines) - 1)
    # The line before tells more where the program that git started (ssh) has failed.
    first = fatal - 1 if "Could not read from remote" in "".join(lines[fatal:][:1]) else fatal
    reason = "; ".join(line.removeprefix("fatal: ") for line in lines[max(0, first) : fatal + 1])
    if reason.endswith(":"):
        reason += " ".join(["", *lines[fatal + 1 : fatal + 2]])
    reason = re.sub(r"^unable to access '.*?': ", "", reason)  # which, everybody knows
    return reason[:_LONGEST_REASON] or f"git ended with code {code}"
