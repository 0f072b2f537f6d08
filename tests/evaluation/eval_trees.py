"""What the tests of evaluation share: a host that reads Python with toys, and small trees."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from toys import ToyPlugin

import codeindex_python
from codeindex import Host, Index

PLANTED = "zyzzyvas"

PARSING = f'''"""Reading of numbers."""


def read_number(text):
    """Turn written digits into {PLANTED} for the ledger of the shop."""
    digits = text.strip()
    total = int(digits)
    return total


class Ledger:
    """Keeps {PLANTED} in order, line by line."""

    def total(self):
        """Add up what every line of the ledger says."""
        amounts = [line.amount for line in self.lines]
        result = sum(amounts)
        return result

    def undocumented(self):
        amounts = list(self.lines)
        amounts.reverse()
        return amounts
'''
WRITING = '''def write_report(path, rows):
    """Write the rows of a report into a file, one a line."""
    text = "\\n".join(rows)
    path.write_text(text)
    return path


def short():
    """Say nothing at all, and quickly."""
    return None
'''


def python_host(toys: ToyPlugin) -> Host:
    host = Host()
    host.register(toys, "toys", "toy-distribution")
    host.register(codeindex_python, "python", "codeindex")
    assert not host.broken
    return host


def indexed(root: Path, host: Host) -> Index:
    index = Index.open(root, create=True, host=host)
    index.update()
    return index


def code_tree(root: Path) -> Path:
    root.mkdir()
    (root / "parsing.py").write_text(PARSING)
    (root / "writing.py").write_text(WRITING)
    return root


def git(folder: Path, *words: str, author: str = "Ann <ann@example.org>") -> str:
    name, _, address = author.rstrip(">").partition(" <")
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
           for key, value in (("NAME", name), ("EMAIL", address))}  # fmt: skip
    done = subprocess.run(
        ["git", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, subject: str, *, author: str = "Ann <ann@example.org>") -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject, author=author)
    return git(folder, "rev-parse", "HEAD")
