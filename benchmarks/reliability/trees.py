"""A small tree of real code, and another version of it."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

_PARTS = (
    *("json", "email/mime", "email/charset.py", "email/errors.py", "email/feedparser.py"),
    *("email/header.py", "email/parser.py", "email/policy.py", "email/utils.py"),
)


def versions(scratch: Path) -> tuple[Path, Path]:
    """Some 200 snippets of the standard library, and another state of them.

    The second has edits, additions, moves and deletions. Both are new folders in `scratch`.
    """
    first, second = scratch / "first", scratch / "second"
    library = Path(sysconfig.get_path("stdlib"))
    for part in _PARTS:
        source, target = library / part, first / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    shutil.copytree(first, second)
    for number, path in enumerate(sorted(second.rglob("*.py"))):
        if number % 7 == 0:
            path.unlink()
        elif number % 7 == 1:
            path.rename(path.with_name(f"moved_{path.name}"))
        elif number % 3 == 0:
            path.write_text(f"{path.read_text()}\n\ndef added_{number}():\n    return {number}\n")
            (path.parent / f"new_{number}.py").write_text(f"def new_{number}():\n    pass\n")
    return first, second


def put(version: Path, tree: Path) -> None:
    """Checks a version out, always at the same place."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(version, tree)
