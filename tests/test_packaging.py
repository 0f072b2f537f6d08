"""The wheel as users get it, and other people's plugins beside it, in fresh environments.

The libraries that codeindex depends on come from the environment that runs the tests: nothing
is fetched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Residuals of the fit"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np"]},
        {"cell_type": "code", "source": ["def residuals(y, fit):\n", "    return y - fit"]},
    ],
    "metadata": {"kernelspec": {"language": "python"}},
    "nbformat": 4,
}


def run(*words: str | Path, cwd: Path, code: int = 0) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**kept, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    for source in (ROOT, ROOT / "plugins" / "example"):
        run(
            *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"),
            *("-w", folder, source),
            cwd=folder,
        )
    return folder


class Environment:
    """A fresh one, with codeindex from its wheel."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
        self.bin = folder / "env" / "bin"
        (site,) = (folder / "env" / "lib").glob("python*/site-packages")
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.install(next(wheels.glob("codeindex-*.whl")))

    def install(self, what: Path) -> None:
        self.pip(
            *("install", "-q", "--no-deps", "--no-build-isolation", "--ignore-installed", what)
        )

    def pip(self, *words: str | Path) -> str:
        python = self.bin / "python"
        return run(sys.executable, "-m", "pip", "--python", python, *words, cwd=self.folder)

    def codeindex(self, *words: str | Path, code: int = 0) -> str:
        return run(self.bin / "codeindex", *words, cwd=self.folder, code=code)


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheels) -> Environment:
    return Environment(tmp_path_factory.mktemp("user"), wheels)


def test_the_wheel_holds_what_users_need_and_no_more(wheels):
    with zipfile.ZipFile(next(wheels.glob("codeindex-*.whl"))) as wheel:
        names = wheel.namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert packages == {
        *("codeindex", "codeindex_faiss", "codeindex_onnx", "codeindex_papers"),
        *("codeindex_python", "codeindex_qdrant", "codeindex_torch"),
    }
    for name in ("model.onnx", "tokenizer.json", "encoder.json", "LICENSE", "README.md"):
        assert f"codeindex_onnx/bundles/fast/{name}" in names
    assert "codeindex/py.typed" in names
    assert "codeindex/scaffold/templates/backend.py.template" in names
    assert not [name for name in names if "/recipes/" in name or "tests" in name]


def test_the_installed_wheel_works(environment):
    facts = json.loads(environment.codeindex("plugins", "--json"))
    assert facts["broken"] == []
    names = {plugin["name"] for plugin in facts["plugins"]}
    assert names == {"faiss", "onnx", "papers", "python", "qdrant", "torch"}
    where = run(environment.bin / "python", "-c", "import codeindex; print(codeindex.__file__)",
                cwd=environment.folder)  # fmt: skip
    assert str(environment.folder) in where


@pytest.mark.parametrize("kind", ["backend", "encoder", "extractor"])
def test_a_new_plugin_installs_and_keeps_its_contract(environment, kind):
    environment.codeindex("plugins", "new", f"my-{kind}", "--kind", kind)
    environment.install(environment.folder / f"codeindex-my-{kind}")
    report = json.loads(environment.codeindex("plugins", "check", f"codeindex-my-{kind}", "--json"))
    assert report["counts"]["broken"] == report["counts"]["undecided"] == 0, report
    assert report["counts"]["kept"] >= 15
    environment.pip("uninstall", "-q", "-y", f"codeindex-my-{kind}")


def test_another_distributions_plugin_is_found_used_and_gone(environment, wheels):
    tree = environment.folder / "analysis"
    tree.mkdir()
    (tree / "fit.ipynb").write_text(json.dumps(NOTEBOOK))
    environment.codeindex("index", tree, code=1)  # nobody reads notebooks yet
    environment.install(next(wheels.glob("codeindex_notebooks-*.whl")))
    environment.codeindex("plugins", "check", "codeindex-notebooks")
    receipt = json.loads(environment.codeindex("index", tree, "--json"))
    assert receipt["languages"]["notebook"]["indexed"] == 1
    found = environment.codeindex(
        *("search", "residuals of a fit", "--index", tree / ".codeindex", "--json", "-k", "1")
    )
    hit = json.loads(found)
    assert (hit["path"], hit["name"]) == ("fit.ipynb#cell-3", "residuals")
    assert hit["extra"]["heading"] == "# Residuals of the fit"
    environment.pip("uninstall", "-q", "-y", "codeindex-notebooks")
    assert "notebooks" not in environment.codeindex("plugins")
    assert environment.codeindex("search", "residuals", "--index", tree / ".codeindex")
