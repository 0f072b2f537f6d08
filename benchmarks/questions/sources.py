"""Source distributions as a checkout has them: only Python files, and nothing of them is run."""

from __future__ import annotations

import re
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchmarks.frame.process import run
from benchmarks.worked.packages import Package


def unpacked(package: Package, cache: Path) -> Path:
    """The folder with the Python files of a package's source distribution: code, tests, examples.

    ``pip download`` would run the package's build to read its metadata. So pip is only asked
    where the archive lies, with the index and the settings that it is configured with.

    Args:
        cache: folder under which it is kept for the next time.

    Raises:
        SystemExit: no index has this version as a ``.tar.gz``.
    """
    target = folder(package, cache)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            archive = Path(scratch) / "archive.tar.gz"
            _download(_address(package), archive)
            unpack(archive, Path(scratch) / "tree")
            (Path(scratch) / "tree").rename(target)
    return target


def folder(package: Package, cache: Path) -> Path:
    """Where the Python files of a package lie once they are fetched."""
    return cache / "questions" / package.requirement.replace("==", "-")


def unpack(archive: Path, target: Path) -> None:
    """Writes the Python files of a ``.tar.gz`` into `target`, without the one folder around them.

    Raises:
        tarfile.FilterError: a name in the archive leads out of `target`.
    """
    target.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(target, members=_python_files(tar), filter="data")


def _python_files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        _, *rest = PurePosixPath(member.name).parts
        if member.isfile() and rest and rest[-1].endswith(".py"):
            yield member.replace(name=str(PurePosixPath(*rest)), deep=False)


def _address(package: Package) -> str:
    name, _, version = package.requirement.partition("==")
    pip = [sys.executable, "-m", "pip", "index", "versions", "--no-binary", ":all:"]
    told = run([*pip, "--ignore-requires-python", "-vv", name])
    for address, found in re.findall(r"Found link (\S+?)(?: .*)?, version: (\S+)", told):
        if found == version and address.partition("#")[0].endswith(".tar.gz"):
            return str(address)
    sys.exit(f"pip finds no .tar.gz of {package.requirement}; see: {' '.join(pip)} -vv {name}")


def _download(address: str, target: Path) -> None:
    if not address.startswith(("https://", "file://")):
        sys.exit(f"{address} is not fetched: only https and file addresses are")
    with urllib.request.urlopen(address) as source:  # noqa: S310 - looked at just above
        target.write_bytes(source.read())
