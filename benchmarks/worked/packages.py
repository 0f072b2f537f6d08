"""The packages that are trained on and measured on: pinned, with their licences, and fetched."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame.process import run


@dataclass(frozen=True)
class Package:
    """A distribution on the Python package index.

    Attributes:
        requirement: ``name==version``.
        licence: as the package declares it.
    """

    requirement: str
    licence: str

    @property
    def name(self) -> str:
        """Its name; also that of its folder, and of the repository in its pairs."""
        return self.requirement.partition("==")[0]


def read_list(name: str | Path) -> list[Package]:
    """The packages of ``trained_on.txt``, ``held_out.txt``, or another file of that form."""
    lines = (Path(__file__).parent / name).read_text("utf-8").splitlines()
    rows = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    return [Package(requirement, licence) for requirement, licence in rows]


def fetch(packages: Sequence[Package], cache: Path) -> list[Path]:
    """The Python files of each package, in a folder of its name. Nothing is installed or run."""
    folders = []
    for package in packages:
        folder = cache / "packages" / package.name
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                _unpack(_wheel(package, Path(scratch)), Path(scratch) / "tree")
                (Path(scratch) / "tree").rename(folder)
        folders.append(folder)
    return folders


def _wheel(package: Package, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    run([*pip, "--only-binary", ":all:", "--dest", str(folder), package.requirement])
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, target: Path) -> None:
    target.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                archive.extract(name, target)  # which keeps names within the folder
