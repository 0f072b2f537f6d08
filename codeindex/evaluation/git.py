"""Repository: what git tells about history, read only; nothing that lies in it is run.

A configuration can name programs (pagers, external diffs, text conversions, signature checks,
file system monitors, the ways to a remote from which an object is missing), and that of the
repository came with the tree. So only commands are used that compare or print objects, each
with those programs switched off, and no way to a remote is allowed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from codeindex.errors import UsageError

_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.pager=",
    "core.quotePath=false",
    "diff.renames=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "protocol.allow=never",
    "submodule.recurse=false",
)
# Set while git runs a hook, say: they would point it at another repository.
_ELSEWHERE = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"}
    | {"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE"}
    | {"GIT_GRAFT_FILE", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_PAGER", "GIT_TRACE"}
)
_DIFF = (
    *("diff-tree", "-r", "-p", "--root", "--no-commit-id", "--unified=0", "--relative"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a folder is in. Paths are relative to the folder.

    Attributes:
        head: the commit that is checked out, in hexadecimal digits.
    """

    folder: Path
    head: str
    program: str
    environment: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, environment: Mapping[str, str]) -> Repository:
        """The repository that `folder` is in, with the git on the ``PATH`` of `environment`.

        Raises:
            UsageError: there is no git, no repository, or no commit in it.
        """
        program = shutil.which("git", path=environment.get("PATH"))
        if program is None:
            raise UsageError("git is needed to read the history, and there is none on PATH")
        kept = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
        kept |= {
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        repository = cls(folder, "", program, kept)
        head = repository.run(["rev-parse", "--verify", "--end-of-options", "HEAD^{commit}"])
        return cls(folder, (head or b"").decode().strip(), program, kept)

    def commits(self, most: int) -> list[tuple[str, str, str]]:
        """(commit, author, subject) of what is not a merge, newest first, `most` at most."""
        log = self.run(
            [
                *("log", "-z", "--no-merges", "--no-color", "--no-notes", "--no-show-signature"),
                *(f"--max-count={most}", "--format=%H%x1f%an <%ae>%x1f%s", self.head, "--", "."),
            ]
        )
        rows = (log or b"").decode("utf-8", "replace").split("\0")
        fields = [row.strip("\n").split("\x1f", 2) for row in rows if row.strip()]
        return [(commit, author, subject) for commit, author, subject in fields]

    def changes(self, commit: str, most_bytes: int) -> str | None:
        """The patch of a commit without context lines; None if it is longer than `most_bytes`."""
        patch = self.run([*_DIFF, commit, "--", "."], most_bytes)
        return None if patch is None else patch.decode("utf-8", "replace")

    def since(self, commit: str, paths: Sequence[str], most_bytes: int) -> str | None:
        """The patch of files from a commit to `head`; None if it is longer than `most_bytes`."""
        patch = self.run([*_DIFF, commit, self.head, "--", *paths], most_bytes)
        return None if patch is None else patch.decode("utf-8", "replace")

    def text(self, path: str, most_bytes: int) -> str | None:
        """A file as it is in `head`; None if it is not there, or larger than `most_bytes`."""
        try:
            blob = self.run(["cat-file", "blob", f"{self.head}:./{path}"], most_bytes)
        except UsageError:
            return None
        return None if blob is None else blob.decode("utf-8-sig", "replace")

    def run(self, words: list[str], most_bytes: int | None = None) -> bytes | None:
        """What git prints; None if that is more than `most_bytes`.

        Raises:
            UsageError: it fails; the message says why.
        """
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        with TemporaryFile() as said:  # a pipe that nobody reads would stop git when it is full
            with subprocess.Popen(
                [self.program, "--no-pager", *settings, "-C", str(self.folder), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                env=dict(self.environment),
            ) as process:
                assert process.stdout is not None  # noqa: S101 - for the types
                printed = process.stdout.read(-1 if most_bytes is None else most_bytes + 1)
                if most_bytes is not None and len(printed) > most_bytes:
                    process.kill()
                    return None
            if process.returncode:
                said.seek(0)
                reason = _reason(said.read(_LONGEST_REASON * 10))
                raise UsageError(f"git cannot read the history of {self.folder}: {reason}")
        return printed


def _reason(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").splitlines()
    lines = ["".join(filter(str.isprintable, line)).strip() for line in lines]
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    return (fatal or lines or ["it does not say why"])[0][:_LONGEST_REASON]
