"""Plugins from a Python file: loaded when asked for, never because they lie in a folder."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from codeindex import Host
from codeindex.offers import InstalledPlugin

PLUGIN = """
from dataclasses import dataclass, field
from pathlib import Path

from codeindex.hookimpl import hookimpl
from codeindex.snippet import Snippet
from codeindex.specs import CommandSpec, ExtractorSpec

Path(__file__).with_name("was-run").touch()


@dataclass(frozen=True)
class Options:
    least: int = field(default=1, metadata={"help": "Letters of a recipe's name."})


class Recipes:
    def extract(self, source):
        for number, line in enumerate(source.text.split("\\n"), 1):
            if line.strip():
                name = line.split()[0]
                yield Snippet(source.path, "recipe", "recipe", name, number, number, line)


@hookimpl
def codeindex_extractors():
    return [
        ExtractorSpec(
            name="recipes",
            summary="Recipes, a line each.",
            make=lambda options: Recipes(),
            options=Options,
            suffixes={".recipe": "recipe"},
        )
    ]
"""


@pytest.fixture
def kitchen(tmp_path):
    (tmp_path / "food").mkdir()
    for number in range(30):  # more than are read without worker processes
        (tmp_path / "food" / f"n{number}.recipe").write_text(f"soup{number} carrots, leek\n")
    (tmp_path / "recipes.py").write_text(PLUGIN)
    return tmp_path


def codeindex(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_named_on_the_command_line_is_a_plugin(kitchen):
    done = codeindex("--plugin", "recipes.py", "index", "food", "--json", cwd=kitchen)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["languages"]["recipe"]["snippets"] == 30
    shown = json.loads(codeindex("--plugin", "recipes.py", "plugins", "--json", cwd=kitchen).stdout)
    assert {"name": "recipes", "distribution": "recipes.py", "version": ""} in shown["plugins"]
    found = codeindex("search", "soup7 leek", "-k", "1", cwd=kitchen / "food")
    assert found.returncode == 0, found.stderr  # a search needs no extractor


def test_a_file_that_nobody_named_is_not_run(kitchen):
    (kitchen / "codeindex.toml").write_text('plugins = ["recipes.py"]\n')
    done = codeindex("index", ".", "--index", "elsewhere", cwd=kitchen)
    assert "recipes.py" not in done.stdout
    assert "codeindex --config" in done.stderr
    assert not (kitchen / "was-run").exists()
    assert done.returncode == 0  # recipes.py itself was indexed


def test_settings_that_are_named_may_name_plugins(kitchen):
    (kitchen / "mine.toml").write_text('plugins = ["recipes.py"]\n')
    done = codeindex("--config", "mine.toml", "index", "food", "--json", cwd=kitchen)
    assert json.loads(done.stdout)["languages"]["recipe"]["files"] == 30, done.stderr


@pytest.mark.parametrize("value", ['"recipes.py"', "[1]", "true"])
def test_plugins_in_settings_are_a_list_of_files(kitchen, value):
    (kitchen / "mine.toml").write_text(f"plugins = {value}\n")
    done = codeindex("--config", "mine.toml", "status", cwd=kitchen)
    assert done.returncode == 2
    assert "must be a list of Python files" in done.stderr


def test_a_command_may_come_from_a_file(kitchen):
    (kitchen / "cook.py").write_text(
        "import click\n"
        "from codeindex.hookimpl import hookimpl\n"
        "from codeindex.specs import CommandSpec\n"
        "@click.command()\n"
        "def cook():\n"
        "    click.echo('cooking')\n"
        "@hookimpl\n"
        "def codeindex_commands():\n"
        "    return [CommandSpec(name='cook', summary='Cooks.', target=f'{__name__}:cook')]\n"
    )
    assert codeindex("--plugin", "cook.py", "cook", cwd=kitchen).stdout == "cooking\n"
    missing = codeindex("cook", cwd=kitchen)
    assert missing.returncode == 2
    assert "No such command 'cook'" in missing.stderr


def test_a_broken_file_is_named_and_the_others_go_on(kitchen):
    (kitchen / "bad.py").write_text("raise ValueError('not today')\n")
    done = codeindex("--plugin", "bad.py", "plugins", cwd=kitchen)
    assert done.returncode == 0
    assert "broken: bad (bad.py): ValueError: not today" in done.stdout
    assert codeindex("--plugin", "none.py", "plugins", cwd=kitchen).returncode == 2


def test_two_files_of_one_name_are_two_modules(tmp_path):
    plugins = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "same.py"
        path.write_text(f"WHERE = {folder!r}\n")
        plugins.append(InstalledPlugin(f"same-{folder}", str(path), str(path)))
    host = Host.of(plugins)
    assert host.broken == []
    assert [name for name, _ in host.plugins()] == ["same-a", "same-b"]
