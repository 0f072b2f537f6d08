"""Whether an index is complete, and the command that goes on where a run was stopped."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def is_unfinished(manifest: Mapping[str, Any]) -> bool:
    """Whether a run of ``codeindex index`` has not read all files: at work, or stopped.

    Making the backend anew does not change that: the files are still to be read.
    """
    return bool(manifest.get("unfinished")) or manifest.get("updated_at") is None


def finishing_command(manifest: Mapping[str, Any], folder: Path) -> str:
    """What brings the files, the catalog and the backend of an index together.

    Args:
        folder: of the index.
    """
    if manifest.get("texts"):  # not of files that could be read again
        return shlex.join(["codeindex", "verify", "--repair", "--index", str(folder)])
    root = os.path.normpath(folder / manifest.get("root", ".."))
    return shlex.join(["codeindex", "index", root, "--index", str(folder)])
