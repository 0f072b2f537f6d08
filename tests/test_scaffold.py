"""``plugins new`` and ``plugins check``: what they write, refuse and say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from codeindex.errors import UsageError
from codeindex.scaffold import KINDS, write_plugin


def codeindex(*arguments, cwd, code=0):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "Big", "9lives", "a--b", "a_b", "a/b", "-a", "a-", "é"])
def test_names_that_cannot_be_packages_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot name a plugin"):
        write_plugin(name, "backend", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    write_plugin("twice", "encoder", tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        write_plugin("twice", "encoder", tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_tidy_and_says_what_to_do_next(tmp_path, kind):
    said = codeindex("plugins", "new", "two-words", "--kind", kind, cwd=tmp_path)
    assert "next: pip install ./codeindex-two-words && codeindex plugins check" in said
    lint = ["check", "--select", "E,F,I,UP,B,D1", "--ignore", "D107,D105"]
    lint += ["--per-file-ignores", "**/tests/*:D1"]
    lint += ["--config", 'lint.isort.known-third-party=["codeindex"]']
    for words in (lint, ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--isolated", "--line-length", "100", "."],
            cwd=tmp_path / "codeindex-two-words",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_check_reports_promise_by_promise(tmp_path):
    said = codeindex("plugins", "check", "faiss", cwd=tmp_path)
    assert "backend faiss" in said
    assert "✓ Equal scores are in the order of their ids" in said
    assert "broken" not in said
    report = json.loads(codeindex("plugins", "check", "python", "--json", cwd=tmp_path))
    assert report["counts"]["kept"] >= 15
    assert {row["subject"] for row in report["promises"]} == {
        "plugin python (codeindex)",
        "extractor python",
    }


def test_check_fails_on_a_broken_promise_and_takes_files(tmp_path):
    (tmp_path / "bad.py").write_text(
        "import numpy\n"
        "from codeindex.hookimpl import hookimpl\n"
        "from codeindex.specs import ExtractorSpec\n"
        "@hookimpl\n"
        "def codeindex_extractors():\n"
        "    return [ExtractorSpec(name='bad', summary='Bad.', make=lambda options: None,\n"
        "                          suffixes={'.bad': 'bad'}, example={'a.bad': 'x'})]\n"
    )
    said = codeindex("--plugin", "bad.py", "plugins", "check", "bad", cwd=tmp_path, code=1)
    assert "✗ Importing it takes no time" in said
    assert "loads numpy" in said
    assert "AttributeError" in said


def test_check_says_what_hangs(tmp_path):
    (tmp_path / "stuck.py").write_text("import time\ntime.sleep(1000)\n")
    words = [
        "import codeindex.testing.plugin as p; p.PluginContract.patience = 1.0",
        "from codeindex.cli import main",
        "main(['--plugin', 'stuck.py', 'plugins', 'check', 'stuck'])",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(words)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "importing it takes more than 1 s" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plugins", "check", "nothing"], "'nothing' has no plugin; distributions that have one"),
        (["plugins", "check", "-O", "x=1"], "not of the form NAME.KEY=VALUE"),
        (["plugins", "new", "x"], "Missing option '--kind'"),
        (["plugins", "new", "x", "--kind", "poem"], "'poem' is not one of"),
        (["plugins", "new", "X", "--kind", "encoder"], "'X' cannot name a plugin"),
    ],
)
def test_mistakes_are_told(tmp_path, words, said):
    assert said in codeindex(*words, cwd=tmp_path, code=2)
