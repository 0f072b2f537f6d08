"""What the documents say is so: their blocks run, every hook is explained, help is as recorded."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import click
import pytest

import codeindex
import codeindex.testing
from codeindex import hookspecs

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "plugins" / "README.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
GOLDEN = Path(__file__).parent / "golden" / "help"
HOOKS = [name for name in vars(hookspecs) if name.startswith("codeindex_")]
COMMANDS = [
    *("", "copy", "doctor", "embed", "eval", "export", "extract", "index", "optimize", "pack"),
    *("plugins", "plugins check", "plugins new", "rebuild", "unpack"),
    *("vectors", "vectors export", "vectors import"),
    *("pairs", "pairs code", "pairs papers", "pairs split"),
    *("papers", "papers collect", "remove", "search", "similar", "status", "verify"),
]
HEAVY = ["numpy", "torch", "transformers", "onnxruntime", "tokenizers", "faiss", "qdrant_client"]


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, contents) of every block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    scripts = sysconfig.get_path("scripts")
    programs = {
        "codeindex": [sys.executable, "-W", "error", "-m", "codeindex"],
        "python": [sys.executable],
    }
    return subprocess.run(
        [*programs[words[0]], *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"},
    )


def test_the_tutorial_runs_as_it_stands(tmp_path):
    said = {}
    for language, text in blocks(TUTORIAL):
        first, _, rest = text.partition("\n")
        if first.startswith("# file: "):
            path = tmp_path / first.removeprefix("# file: ")
            path.parent.mkdir(exist_ok=True)
            path.write_text(rest)
        elif language == "python" and not first.startswith("# signature"):
            compile(text, "README", "exec")
        elif language == "toml":
            tomllib.loads(text)
        elif language == "console":
            for line in text.splitlines():
                command = line.removeprefix("$ ")
                if "codeindex-cookbook" in command:
                    continue  # installed in test_packaging
                done = run(command, tmp_path)
                assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
                said[command] = done.stdout
    assert len(said) == 11
    cold = next(text for command, text in said.items() if "cold dish" in command)
    assert cold.splitlines()[0].split()[3] == "Gazpacho", cold
    choc = next(text for command, text in said.items() if "choc zap" in command)
    assert "Gazpacho" in choc.splitlines()[0], choc
    assert said["codeindex --plugin menu.py menu kitchen/.codeindex"] == "Leek soup\nGazpacho\n"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(hook):
    source = inspect.getsource(getattr(hookspecs, hook))
    signature = next(line for line in source.splitlines() if line.startswith("def "))
    section = TUTORIAL.split(f"## `{hook}`")[1].split("\n## ")[0]
    assert f"{signature} ..." in section


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_a_test(hook):
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    assert f"def {hook}(" in tests


def test_the_readmes_commands_run_as_they_stand(tmp_path):
    for name in ("src/net", "lib"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "dates.py").write_text(
            "class Clock:\n    def parse_date(self, text):\n        return text\n"
        )
    done = []
    for language, text in blocks(README):
        if language == "python" and "hookimpl" in text:
            (tmp_path / "mine.py").write_text(text)
        elif language == "python":
            ast.parse(text)  # test_demo runs it
        elif language == "toml":
            (tmp_path / "codeindex.toml").write_text(text)
        elif language == "console":
            done += [line[2:] for line in text.splitlines() if line.startswith("$ codeindex")]
    for line in done:
        command = re.split(r" +[#|] ", line)[0].strip()
        if "mine" in command:
            shutil.rmtree(tmp_path / ".codeindex", ignore_errors=True)
        result = run(command, tmp_path)
        wanted = (0, 1) if "search" in command else (0,)  # 1: nothing matched the filter
        assert result.returncode in wanted, f"{command}\n{result.stdout}\n{result.stderr}"
    assert len(done) >= 10


def test_the_readmes_other_commands_have_the_options_they_name(tmp_path, monkeypatch):
    """Those that need papers or a model; `test_road` takes the same way."""
    monkeypatch.chdir(tmp_path)
    for name in ("abstract.txt", "before.json", "questions.jsonl"):
        (tmp_path / name).touch()
    from codeindex.cli.group import codeindex as group
    from codeindex.cli.session import Session

    lines = [
        line
        for language, text in blocks(README)
        if language == "sh"
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("codeindex ")
    ]
    assert len(lines) >= 10
    for line in lines:
        context = group.make_context("codeindex", shlex.split(line)[1:], obj=Session())
        command, words = group, context._protected_args + context.args
        while isinstance(command, click.Group):
            _, command, words = command.resolve_command(context, words)
        assert command is not None
        command.make_context(line, list(words), parent=context)  # which parses, and runs nothing


@pytest.mark.parametrize("module", [codeindex, codeindex.testing])
def test_what_is_public_is_there_and_nothing_else(module):
    namespace: dict[str, object] = {}
    exec(f"from {module.__name__} import *", namespace)  # noqa: S102
    assert set(namespace) - {"__builtins__"} == set(module.__all__)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    for name in module.__all__:
        assert inspect.getdoc(getattr(module, name)), f"{name} is not documented"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_as_recorded(command, tmp_path):
    """Run with UPDATE_GOLDEN=1 to record it anew."""
    done = run(f"codeindex {command} --help", tmp_path)
    assert done.returncode == 0, done.stderr
    path = GOLDEN / f"{command.replace(' ', '-') or 'codeindex'}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(done.stdout)
    assert done.stdout == path.read_text()


def test_every_command_has_its_help_recorded():
    from codeindex.cli.group import _BUILTINS

    assert set(_BUILTINS) <= {command.split()[0] for command in COMMANDS if command}
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {
        command.replace(" ", "-") or "codeindex" for command in COMMANDS
    }


def test_help_imports_no_heavy_library(tmp_path):
    code = (
        "import sys\n"
        "from codeindex.cli import run\n"
        "run(['--help']); run(['index', '--help']); run(['plugins'])\n"
        f"print('heavy:', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("heavy: []\n"), done.stdout[-300:]
