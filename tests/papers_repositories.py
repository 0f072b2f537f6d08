"""Local git repositories and the paper_code_pairs.json that names them, for tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from codeindex.cli.group import codeindex


def collect(*words):
    """(exit code, receipt, what was said on stderr)."""
    done = CliRunner().invoke(codeindex, ["papers", "collect", "pairs.json", *words, "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout), done.stderr


def output(name="paper_code_with_files.json"):
    return json.loads(Path(name).read_text("utf-8"))


def links(data):
    return [link for entry in data for link in entry["repositories"]]


class Repositories:
    """Makes git repositories below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def make(self, name, files, *, symlinks=None, submodules=None) -> str:
        """One more commit in a repository with these files; its ``file://`` address."""
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        if not (place / ".git").exists():
            self._git(place, "init", "-q", "-b", "main")
            self._git(place, "config", "core.autocrlf", "false")
        for path, content in files.items():
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        for path, target in (symlinks or {}).items():
            (place / path).symlink_to(target)
        self._git(place, "-c", "core.attributesFile=/dev/null", "add", "-A", "--force")
        for path, commit in (submodules or {}).items():
            self._git(place, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        self._git(place, "commit", "-q", "-m", "code")
        return place.as_uri()

    def commit(self, name) -> str:
        """Its newest commit."""
        return self._git(self.folder / name, "rev-parse", "HEAD").strip()

    def remove(self, name) -> None:
        shutil.rmtree(self.folder / name)

    def pairs(self, rows, papers=()) -> None:
        """Writes pairs.json: one paper for each list of repositories."""
        entries = [
            {
                "paper": {
                    "arxiv_id": f"2000.{number:05d}",
                    "title": f"Paper {number}",
                    "abstract": None,
                    **(papers[number] if number < len(papers) else {}),
                },
                "repositories": repositories,
            }
            for number, repositories in enumerate(rows)
        ]
        (self.folder / "pairs.json").write_text(json.dumps(entries))

    def _git(self, place: Path, *words: str) -> str:
        return subprocess.run(
            ["git", *words],
            cwd=place,
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
