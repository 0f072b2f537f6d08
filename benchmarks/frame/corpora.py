"""The trees that are indexed: real code, pinned where it can be."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.frame.process import run

DJANGO = "5.2.1"
DJANGO_SHA256 = "57fe1f1b59462caed092c80b3dd324fd92161b620d59a9ba9181c34746c97284"
_TESTS = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
_QUICK_FOLDERS = {"stdlib": ("json", "email", "logging"), "django": ("utils", "core/mail")}


def stdlib(cache: Path, *, quick: bool = False) -> Path:
    """Python's standard library of this interpreter, without its tests."""
    target = cache / f"stdlib-{platform.python_version()}"

    def make(folder: Path) -> None:
        shutil.copytree(
            sysconfig.get_path("stdlib"),
            folder,
            ignore=lambda _, names: [name for name in names if name in _TESTS],
            symlinks=True,
            dirs_exist_ok=True,
        )

    return _part(_made(target, make), "stdlib", quick)


def django(cache: Path, *, quick: bool = False) -> Path:
    """The folder `django` of the pinned source distribution."""
    target = cache / f"django-{DJANGO}"

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            archive = _download(f"Django=={DJANGO}", Path(scratch))
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()
            if digest != DJANGO_SHA256:
                sys.exit(f"{archive.name} is not the pinned one: SHA-256 {digest}")
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
            shutil.copytree(
                Path(scratch) / f"django-{DJANGO}" / "django", folder, dirs_exist_ok=True
            )

    return _part(_made(target, make), "django", quick)


def python_files(tree: Path) -> int:
    """How many Python files a tree holds."""
    return sum(1 for path in tree.rglob("*.py") if path.is_file())


def _made(target: Path, make: Callable[[Path], None]) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            folder = Path(scratch) / "tree"
            folder.mkdir()
            make(folder)
            folder.rename(target)
    return target


def _part(tree: Path, name: str, quick: bool) -> Path:
    if not quick:
        return tree

    def make(folder: Path) -> None:
        for part in _QUICK_FOLDERS[name]:
            shutil.copytree(tree / part, folder / part)

    return _made(tree.with_name(f"{tree.name}-quick"), make)


def _download(requirement: str, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    run([*pip, "--dest", str(folder), requirement])
    return next(folder.glob("*.tar.gz"))
