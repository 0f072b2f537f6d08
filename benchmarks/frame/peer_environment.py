"""Other people's tools, each in an environment of its own: what they require may clash."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from benchmarks.frame.process import run


class PeerEnvironment:
    """A virtual environment in the cache.

    Attributes:
        folder: where it is; a peer may keep its own things beside the environment.
        python: its interpreter.
    """

    def __init__(self, cache: Path, *requirements: str) -> None:
        """Installs the requirements, unless they are there.

        Args:
            requirements: pinned ones; the first is the tool, and names the folder.
        """
        self.folder = cache / re.sub(r"[^\w.]+", "-", requirements[0])
        self.python = self.folder / "env" / "bin" / "python"
        done = self.folder / "installed"
        if not done.exists() or done.read_text("utf-8").split("\n") != list(requirements):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            run([sys.executable, "-m", "venv", str(self.folder / "env")])
            run([str(self.python), "-m", "pip", "install", "--quiet", *requirements])
            done.write_text("\n".join(requirements), "utf-8")
